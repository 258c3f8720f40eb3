"""Two-layer ReLU networks, ours and other people's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

import numpy as np

from lodestone import _core
from lodestone._arrays import finite, matrix, vector


@dataclass(frozen=True, eq=False)
class Network:
    """f(x) = Σ_i a[i] · relu(W[i]·x + b[i]) + alpha + beta·x (docs/math.md, 1.1).

    Parameters
    ----------
    a : array (m,)
    W : array (m, d)
        A row a neuron.
    b : array (m,), optional
        Biases. Absent: neurons have none.
    alpha : float
    beta : array (d,), optional
        Absent: zeros.

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit, and numbers that are not finite.
    """

    a: np.ndarray
    W: np.ndarray
    b: Optional[np.ndarray] = None
    alpha: float = 0.0
    beta: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        W = finite(matrix(self.W, "W"), "W")
        m, d = W.shape
        parts = {"a": (vector(self.a, "a"), m)}
        if self.b is not None:
            parts["b"] = (vector(self.b, "b"), m)
        beta = np.zeros(d) if self.beta is None else self.beta
        parts["beta"] = (vector(beta, "beta"), d)
        for name, (array, size) in parts.items():
            if array.shape != (size,):
                raise ValueError(f"{name}: got {array.size} numbers; W has shape ({m}, {d}), so "
                                 f"there must be {size}")
            object.__setattr__(self, name, finite(array, name))
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "alpha", float(self.alpha))
        if not np.isfinite(self.alpha):
            raise ValueError(f"alpha: got {self.alpha}; must be finite")

    # ---- where networks come from

    @classmethod
    def of(cls, source: Any) -> Network:
        """A network from any of: a `Network`, a `Model` (or something with one, as a fitted
        `LodestoneRegressor` or a `TrainResult` has), a fitted scikit-learn MLPRegressor, a PyTorch
        state_dict or module of two linear layers around a ReLU, an onnx.ModelProto.

        Raises TypeError for anything else, ValueError for networks of another shape.
        """
        if isinstance(source, cls):
            return source
        if isinstance(source, _core.Model):
            refuse_several(source)
            return cls(
                source.amplitudes,
                source.directions,
                source.biases if source.has_biases or source.biases.any() else None,
                source.alpha,
                source.beta,
            )
        for name in ("model_", "neurons"):
            if isinstance(getattr(source, name, None), _core.Model):
                return cls.of(getattr(source, name))
        if hasattr(source, "coefs_"):
            return cls.from_sklearn(source)
        if hasattr(source, "state_dict"):
            return cls.from_torch(source.state_dict())
        if isinstance(source, Mapping):
            return cls.from_torch(source)
        if hasattr(source, "graph") and hasattr(source, "opset_import"):
            return cls.from_onnx(source)
        raise TypeError(
            f"network: got {type(source).__name__}; must be a lodestone Network or Model, a fitted "
            "MLPRegressor, a PyTorch state_dict, or an onnx.ModelProto"
        )

    @classmethod
    def from_sklearn(cls, regressor: Any) -> Network:
        """A fitted scikit-learn ``MLPRegressor(activation="relu")`` of one hidden layer and one
        output. Raises ValueError for any other."""
        if getattr(regressor, "activation", "relu") != "relu":
            raise ValueError(f"activation: got {regressor.activation!r}; must be 'relu'")
        if len(regressor.coefs_) != 2:
            raise ValueError(
                f"hidden_layer_sizes: got {len(regressor.coefs_) - 1} hidden layers; must be one"
            )
        if regressor.coefs_[1].shape[1] != 1:
            raise ValueError(f"outputs: got {regressor.coefs_[1].shape[1]}; must be one")
        if getattr(regressor, "out_activation_", "identity") != "identity":
            raise ValueError(
                f"output activation: got {regressor.out_activation_!r}; must be 'identity', that of "
                "a regressor"
            )
        return cls(
            regressor.coefs_[1][:, 0],
            regressor.coefs_[0].T,
            regressor.intercepts_[0],
            regressor.intercepts_[1][0],
        )

    @classmethod
    def from_torch(cls, state: Mapping[str, Any]) -> Network:
        """A PyTorch state_dict of two linear layers around a ReLU, under any names. Values may be
        tensors or arrays. Raises ValueError for any other number of layers or outputs."""
        arrays = {
            name: value.detach().cpu().double().numpy() if hasattr(value, "detach") else value
            for name, value in state.items()
        }
        layers = [name[: -len("weight")] for name in arrays if name.split(".")[-1] == "weight"]
        if len(layers) != 2:
            raise ValueError(f"state_dict: got {len(layers)} layers with weights; must be two")
        first, second = layers
        out = matrix(arrays[second + "weight"], second + "weight")
        if out.shape[0] != 1:
            raise ValueError(f"{second}weight: got {out.shape[0]} outputs; must be one")
        shift = arrays.get(second + "bias")
        return cls(
            out[0],
            arrays[first + "weight"],
            arrays.get(first + "bias"),
            0.0 if shift is None else float(np.asarray(shift).reshape(-1)[0]),
        )

    @classmethod
    def from_onnx(cls, source: Any) -> Network:
        """The network in an ONNX file or onnx.ModelProto: see `lodestone.from_onnx`."""
        from lodestone._onnx import from_onnx

        return from_onnx(source)

    def to_onnx(self, path: Any = None, *, dtype: str = "float64"):
        """The network as an onnx.ModelProto, and a file: see `lodestone.to_onnx`."""
        from lodestone._onnx import to_onnx

        return to_onnx(self, path, dtype=dtype)

    def to_formula(self, path: Any = None, *, language: str = "python") -> str:
        """The network as text of SQL, Python or C, and a file: see `lodestone.to_formula`."""
        from lodestone._formula import to_formula

        return to_formula(self, path, language=language)

    # ---- what they do

    @property
    def width(self) -> int:
        """m, the number of neurons."""
        return self.W.shape[0]

    @property
    def dimension(self) -> int:
        """d, the number of inputs."""
        return self.W.shape[1]

    @property
    def weights(self) -> np.ndarray:
        """(m, d), or (m, d + 1) with the biases as the last column: what the penalty counts."""
        return self.W if self.b is None else np.column_stack([self.W, self.b])

    @property
    def masses(self) -> np.ndarray:
        """|a[i]|·‖(W[i], b[i])‖ (m,), the penalty's share of each neuron (docs/math.md, 1.2)."""
        return np.abs(self.a) * np.linalg.norm(self.weights, axis=1)

    @property
    def squared_norm(self) -> float:
        """‖a‖² + ‖W‖² + ‖b‖², what weight decay multiplies by λ/2."""
        return float(np.sum(self.a**2) + np.sum(self.weights**2))

    def balanced(self) -> Network:
        """The same function with |a[i]| = ‖(W[i], b[i])‖, which has the smallest penalty; neurons
        without mass become zero (docs/math.md, 1.2)."""
        norms = np.linalg.norm(self.weights, axis=1)
        live = (norms > 0) & (self.a != 0)
        scale = np.zeros(self.width)
        scale[live] = np.sqrt(np.abs(self.a[live]) / norms[live])
        a = np.zeros(self.width)
        a[live] = self.a[live] / scale[live]
        b = None if self.b is None else scale * self.b
        return Network(a, scale[:, None] * self.W, b, self.alpha, self.beta)

    def merged(self, angle_deg: float) -> Network:
        """Neurons of one sign within this angle of each other, up to sign, made into one
        (docs/math.md, 1.3). The affine part is left as it is, although mirroring a neuron changes
        the function by a linear one; objectives eliminate it."""
        a, weights = _core.merged(self.a, np.ascontiguousarray(self.weights), float(angle_deg))
        W, b = (weights, None) if self.b is None else (weights[:, :-1], weights[:, -1])
        return Network(a, W, b, self.alpha, self.beta)

    def predict(self, X: Any) -> np.ndarray:
        """f(x) for rows X (n, d): an array (n,)."""
        return self.to_model().predict(matrix(X, "X"))

    def to_model(
        self, columns: Optional[Sequence[str]] = None, target: str = "y"
    ) -> _core.Model:
        """The network as a predictor in the data's own units, without standardization: what
        `certify` judges and ``Model.write`` saves for the command line."""
        names = [f"x{j}" for j in range(self.dimension)] if columns is None else list(columns)
        return _core.Model.from_arrays(
            self.a, self.W, self.b, self.alpha, np.asarray(self.beta), names, target
        )

    def __repr__(self) -> str:
        biases = "" if self.b is None else " with biases"
        return f"<lodestone.Network of {self.width} neurons on {self.dimension} inputs{biases}>"


def model_of(source: Any) -> _core.Model:
    """The model behind a source, with the centre of its data where it knows one."""
    if isinstance(source, _core.Model):
        return source
    for name in ("model_", "model"):
        if isinstance(getattr(source, name, None), _core.Model):
            return getattr(source, name)
    return Network.of(source).to_model()


def refuse_several(model: _core.Model) -> None:
    """Raises ValueError for a model of several outputs, where one is told."""
    if model.outputs:
        raise ValueError(f"model: it has {len(model.outputs)} outputs; give one of them, "
                         f"model.output(0) to model.output({len(model.outputs) - 1})")


def refuse_offset(model: _core.Model) -> None:
    """Raises ValueError for a model whose scores have a part that no column of it has, or that has
    several outputs."""
    refuse_several(model)
    if model.offset:
        raise ValueError(f"model: its scores need the offset {model.offset!r}, which an export does not "
                         "take; predict with the command line or the package")
