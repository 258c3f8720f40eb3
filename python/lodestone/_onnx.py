"""Two-layer networks to ONNX and back (needs the package onnx).

A network is written as the graph

    centred = x − center;  hidden = relu(centred·Wᵀ + b);  y = centred·beta + hidden·a + alpha

in operators of opset 13, which every runtime has known since 2020. The centre is that of the
training data: inputs far from zero then keep their digits also in float32. Of classes and counts this
sum is the score, and y is its Sigmoid or Exp.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any, Iterator, Optional, Union

import numpy as np

from lodestone import _core
from lodestone._network import Network, model_of, refuse_offset
from lodestone._sources import unwrapped

OPSET = 13
INPUT = "x"
OUTPUT = "y"
SCORE = "score"
# What makes a prediction of a score.
_LINKS = {"logistic": "Sigmoid", "poisson": "Exp"}
_FORMULAS = {
    "logistic": "P(target = 1) = 1/(1 + exp(-score)), score",
    "poisson": "mean of target = exp(score), score",
}
_TYPES = {"float64": np.float64, "float32": np.float32}


def _package():
    try:
        import onnx
    except ImportError as missing:
        raise ImportError("ONNX needs the package onnx: pip install 'lodestone[onnx]'") from missing
    return onnx


def to_onnx(
    source: Any,
    path: Optional[Union[str, os.PathLike]] = None,
    *,
    dtype: str = "float64",
):
    """A model as an ONNX graph that predicts the same numbers.

    The graph has one input ``x`` (rows, d), columns in the model's order, and one output ``y``
    (rows), what `Model.predict` gives. Of the logistic family that is the probability of 1 (of a
    LodestoneClassifier of ``classes_[1]``), of counts their mean; such a graph has the score as a
    second output ``score`` (rows). Names of the columns, the target, the family, the classes and the
    formula are in the file's metadata. Columns that came from text are 0/1 columns here: encoding
    them is left to whoever calls the graph.

    Parameters
    ----------
    source : Model, Network, fitted LodestoneRegressor or LodestoneClassifier, TrainResult, or what `Network.of` takes
        Also a Pipeline or search that ends in one of them, where the steps before it only shift and
        scale columns (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler): the graph then takes
        the pipeline's input.
    path : str or PathLike, optional
        Written whole or not at all. Default: nothing is written.
    dtype : "float64" or "float32"
        Of input, output and arithmetic. float64 agrees with `Model.predict` to rounding.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ImportError
        Without the package onnx.
    TypeError, ValueError
        For what is no two-layer network, or another dtype.
    OSError
        When the file cannot be written.
    """
    onnx = _package()
    if dtype not in _TYPES:
        raise ValueError(f"dtype: got {dtype!r}; must be 'float64' or 'float32'")
    source, steps = unwrapped(source)
    model = model_of(source)
    refuse_offset(model)
    network = Network.of(model)
    center = np.asarray(model.center)
    columns = list(model.columns)
    if steps is not None:
        network, center = before_scaling(network, center, steps)
        columns = [str(name) for name in getattr(steps, "feature_names_in_", columns)]
    b = np.zeros(network.width) if network.b is None else network.b
    beta = np.asarray(network.beta)
    constants = {
        "center": center[None, :],
        "beta": beta,
        "alpha": np.array([network.alpha + beta @ center]),
    }
    helper = onnx.helper
    nodes = [helper.make_node("Sub", [INPUT, "center"], ["centred"])]
    link = _LINKS.get(model.family)
    result = SCORE if link else OUTPUT
    last = result if network.width == 0 else "affine"
    nodes += [
        helper.make_node("MatMul", ["centred", "beta"], ["linear"]),
        helper.make_node("Add", ["linear", "alpha"], [last]),
    ]
    if network.width > 0:
        constants |= {"W": network.W.T, "b": b + network.W @ center, "a": network.a}
        nodes += [
            helper.make_node("MatMul", ["centred", "W"], ["products"]),
            helper.make_node("Add", ["products", "b"], ["shifted"]),
            helper.make_node("Relu", ["shifted"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "a"], ["features"]),
            helper.make_node("Add", ["features", "affine"], [result]),
        ]
    if link:
        nodes.append(helper.make_node(link, [SCORE], [OUTPUT]))
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "lodestone",
        [helper.make_tensor_value_info(INPUT, number, ["rows", network.dimension])],
        [helper.make_tensor_value_info(name, number, ["rows"]) for name in outputs_of(model)],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(value, dtype=_TYPES[dtype]), name)
            for name, value in constants.items()
        ],
    )
    proto = helper.make_model(
        graph,
        producer_name="lodestone",
        producer_version=_core.__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        doc_string=f"{_FORMULAS.get(model.family, 'target')} = alpha + beta.x + sum of amplitude * "
        "relu(direction.x + bias)",
    )
    properties = {"columns": json.dumps(columns), "target": model.target, "family": model.family}
    classes = getattr(source, "classes_", None)
    if classes is not None:
        properties["classes"] = json.dumps([str(label) for label in classes.tolist()])
    helper.set_model_props(proto, properties)
    onnx.checker.check_model(proto, full_check=True)
    if path is not None:
        write_whole(path, proto.SerializeToString())
    return proto


def outputs_of(model: _core.Model) -> list[str]:
    """The names of the graph's outputs: the prediction, and the score where that is another."""
    return [OUTPUT, SCORE] if model.family in _LINKS else [OUTPUT]


def before_scaling(network: Network, center: np.ndarray, steps: Any) -> tuple[Network, np.ndarray]:
    """The network, and the centre of its data, as functions of what goes into the steps before it."""
    for step in reversed(list(_single_steps(steps))):
        shift, factor = _scaling(step, network.dimension)
        b = np.zeros(network.width) if network.b is None else network.b
        network = Network(
            network.a,
            network.W * factor,
            b - network.W @ (shift * factor),
            network.alpha - float(network.beta @ (shift * factor)),
            np.asarray(network.beta) * factor,
        )
        center = center / factor + shift
    return network, center


def _single_steps(steps: Any) -> Iterator[Any]:
    for _, step in steps.steps:
        if hasattr(step, "steps"):
            yield from _single_steps(step)
        elif step is not None and step != "passthrough":
            yield step


def _scaling(step: Any, d: int) -> tuple[np.ndarray, np.ndarray]:
    """(shift, factor) of a step that makes (x − shift)·factor of x. Raises ValueError for another."""
    kind = type(step).__name__

    def held(name: str, otherwise: float) -> np.ndarray:
        value = getattr(step, name, None)
        return np.full(d, otherwise) if value is None else np.asarray(value, dtype=np.float64)

    if kind == "StandardScaler":
        # What it was told not to do it keeps numbers of all the same.
        shift = held("mean_", 0.0) if step.with_mean else np.zeros(d)
        return shift, 1.0 / (held("scale_", 1.0) if step.with_std else np.ones(d))
    if kind == "RobustScaler":
        return held("center_", 0.0), 1.0 / held("scale_", 1.0)
    if kind == "MaxAbsScaler":
        return np.zeros(d), 1.0 / held("scale_", 1.0)
    if kind == "MinMaxScaler" and not step.clip:
        factor = held("scale_", 1.0)
        return -held("min_", 0.0) / factor, factor
    raise ValueError(
        f"pipeline: its step {kind} does more than shift and scale columns; export the model at its "
        "end, and take this step in front of the graph"
    )


def from_onnx(source: Any) -> Network:
    """The two-layer ReLU network in an ONNX graph: one of ours, or what PyTorch and skl2onnx
    export, with or without a standardizing step before it or a linear path around it.

    The graph's input has one row of numbers a sample and its output one number; of a graph of ours
    with a ``score`` the network is that of the score. Operators may be
    Add, Sub, Mul, Div, Neg, MatMul, Gemm, Relu, Scaler, Cast, Identity, Constant, Transpose of
    constants, Flatten, Reshape, Squeeze and Unsqueeze.

    Parameters
    ----------
    source : str, PathLike or onnx.ModelProto
        Weights may lie in a file beside it, as PyTorch writes all but the smallest networks.

    Raises
    ------
    ImportError
        Without the package onnx.
    OSError
        For a file that cannot be read or is no ONNX model, also the one that holds the weights.
    ValueError
        For a graph that is no such network; it names the operator.
    """
    onnx = _package()
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        with open(name, "rb") as file:
            content = file.read()
        try:
            proto = onnx.load_model_from_string(content)
        except Exception as broken:
            raise OSError(f"{name}: not an ONNX model: {broken}") from broken
        if not proto.graph.output:
            raise OSError(f"{name}: not an ONNX model: it has no output")
        try:
            onnx.load_external_data_for_model(proto, os.path.dirname(name))
        except Exception as broken:
            raise OSError(f"{name}: its weights cannot be read: {broken}") from broken
    elif isinstance(source, onnx.ModelProto):
        proto = source
    else:
        raise TypeError(f"source: got {type(source).__name__}; must be a path or onnx.ModelProto")
    return _Reader(onnx, proto.graph).network()


class _Symbol:
    """A tensor that depends on the input x: rows of x·A + c + relu(x·W + b)·H, as far as the graph
    has been read. W and b are shared: they are the one hidden layer."""

    def __init__(self, A: np.ndarray, c: np.ndarray, H: Optional[np.ndarray] = None) -> None:
        self.A, self.c, self.H = A, c, H

    def times(self, M: np.ndarray) -> _Symbol:
        return _Symbol(self.A @ M, self.c @ M, None if self.H is None else self.H @ M)

    def scaled(self, factor: np.ndarray) -> _Symbol:
        factor = np.broadcast_to(factor.reshape(-1), self.c.shape)
        return _Symbol(
            self.A * factor, self.c * factor, None if self.H is None else self.H * factor
        )

    def plus(self, other: Any) -> _Symbol:
        if not isinstance(other, _Symbol):
            return _Symbol(self.A, self.c + np.asarray(other).reshape(-1), self.H)
        if self.H is None or other.H is None:
            H = other.H if self.H is None else self.H
        else:
            H = self.H + other.H
        return _Symbol(self.A + other.A, self.c + other.c, H)


class _Reader:
    """Follows the input through the graph."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self._onnx = onnx
        self._graph = graph
        self._hidden: Optional[_Symbol] = None
        self._values: dict[str, Any] = {
            tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer
        }

    def network(self) -> Network:
        inputs = [one for one in self._graph.input if one.name not in self._values]
        if len(inputs) != 1:
            raise ValueError(f"graph: got {len(inputs)} inputs; must be one")
        outputs = [one.name for one in self._graph.output]
        if len(outputs) != 1 and sorted(outputs) != sorted([OUTPUT, SCORE]):
            raise ValueError(f"graph: got {len(outputs)} outputs; must be one")
        wanted = outputs[0] if len(outputs) == 1 else SCORE
        d = self._columns(inputs[0])
        self._values[inputs[0].name] = _Symbol(np.eye(d), np.zeros(d))
        for node in self._graph.node:
            if wanted in self._values:
                break
            self._values.update(zip(node.output, [self._value(node)]))
        out = self._values[wanted]
        if not isinstance(out, _Symbol):
            raise ValueError("graph: its output does not depend on its input")
        if out.c.size != 1:
            raise ValueError(f"graph: got {out.c.size} outputs a row; must be one")
        beta, alpha = out.A[:, 0], float(out.c[0])
        if out.H is None or self._hidden is None:
            return Network(np.zeros(0), np.zeros((0, d)), np.zeros(0), alpha, beta)
        return Network(out.H[:, 0], self._hidden.A.T, self._hidden.c, alpha, beta)

    @staticmethod
    def _columns(given: Any) -> int:
        shape = given.type.tensor_type.shape.dim
        if len(shape) != 2 or shape[1].dim_value < 1:
            raise ValueError(
                f"input {given.name!r}: must have two dimensions, the second one known"
            )
        return shape[1].dim_value

    def _value(self, node: Any) -> Any:
        attributes = {
            one.name: self._onnx.helper.get_attribute_value(one) for one in node.attribute
        }
        if node.op_type == "Constant":
            if "value" not in attributes:
                return np.asarray(next(iter(attributes.values())))
            return self._onnx.numpy_helper.to_array(attributes["value"])
        try:
            arguments = [self._values[name] for name in node.input if name]
        except KeyError as missing:
            raise ValueError(f"graph: {missing} is used before it is made") from None
        if node.op_type in ("Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze"):
            # Between a column of numbers and a row of them nothing changes for one output a row.
            first = arguments[0]
            if isinstance(first, _Symbol):
                return first
            return self._constant(node.op_type, first, arguments[1:])
        symbols = [isinstance(one, _Symbol) for one in arguments]
        if not any(symbols):
            return self._folded(node, arguments, attributes)
        if node.op_type == "Relu":
            return self._relu(arguments[0])
        if node.op_type == "Scaler":
            centred = self._sum(arguments[0], -np.asarray(attributes["offset"], dtype=np.float64))
            return centred.scaled(np.asarray(attributes["scale"], dtype=np.float64))
        if node.op_type == "Neg":
            return arguments[0].scaled(np.array(-1.0))
        if node.op_type == "Add":
            first, second = arguments if symbols[0] else reversed(arguments)
            return self._sum(first, second)
        if node.op_type == "Sub":
            minus_one = np.array(-1.0)
            if not symbols[0]:
                return self._sum(arguments[1].scaled(minus_one), arguments[0])
            second = arguments[1]
            return self._sum(
                arguments[0], second.scaled(minus_one) if symbols[1] else -np.asarray(second)
            )
        if node.op_type in ("Mul", "Div") and sum(symbols) == 1:
            if node.op_type == "Mul":
                symbol, factor = arguments if symbols[0] else reversed(arguments)
                return symbol.scaled(np.asarray(factor, dtype=np.float64))
            if symbols[0]:
                return arguments[0].scaled(1.0 / np.asarray(arguments[1], dtype=np.float64))
        if node.op_type == "MatMul" and symbols == [True, False]:
            return arguments[0].times(_as_matrix(arguments[1]))
        if node.op_type == "Gemm" and symbols[:2] == [True, False] and not attributes.get("transA"):
            M = _as_matrix(arguments[1])
            product = arguments[0].times(M.T if attributes.get("transB") else M)
            product = product.scaled(np.array(float(attributes.get("alpha", 1.0))))
            if len(arguments) < 3:
                return product
            shift = np.asarray(arguments[2], dtype=np.float64) * attributes.get("beta", 1.0)
            return self._sum(product, shift)
        raise ValueError(
            f"graph: operator {node.op_type} ({node.name or node.output[0]!r}) is not one of a "
            "two-layer ReLU network"
        )

    @staticmethod
    def _sum(symbol: _Symbol, other: Any) -> _Symbol:
        size = other.c.size if isinstance(other, _Symbol) else np.asarray(other).size
        if size not in (1, symbol.c.size):
            raise ValueError(f"graph: {symbol.c.size} and {size} numbers cannot be added")
        return symbol.plus(other)

    def _relu(self, symbol: _Symbol) -> _Symbol:
        if symbol.H is not None or self._hidden is not None:
            raise ValueError("graph: more than one hidden layer; must be one")
        self._hidden = symbol
        m = symbol.c.size
        return _Symbol(np.zeros((symbol.A.shape[0], m)), np.zeros(m), np.eye(m))

    @staticmethod
    def _constant(operator: str, value: Any, rest: list[Any]) -> np.ndarray:
        if operator == "Reshape":
            return np.asarray(value).reshape(tuple(int(n) for n in rest[0]))
        return np.asarray(value)

    @staticmethod
    def _folded(node: Any, arguments: list[Any], attributes: dict[str, Any]) -> np.ndarray:
        if node.op_type == "Transpose":
            return np.transpose(arguments[0], attributes.get("perm"))
        simple = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
        if node.op_type in simple:
            return simple[node.op_type](*arguments)
        raise ValueError(f"graph: operator {node.op_type} of constants is not known here")


def _as_matrix(value: Any) -> np.ndarray:
    M = np.asarray(value, dtype=np.float64)
    return M[:, None] if M.ndim == 1 else M


def write_whole(path: Union[str, os.PathLike], content: bytes) -> None:
    """Writes a file under another name and renames it: whole or not at all."""
    path = os.fspath(path)
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".lodestone-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
