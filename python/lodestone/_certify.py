"""How good a network is, and a second opinion on that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np

from lodestone import _core
from lodestone._arrays import (
    finite,
    matrix,
    offset_of,
    option_texts,
    several_targets,
    table,
    target_name,
)
from lodestone._frames import codes_of, numbers_of_table, rows_for
from lodestone._network import Network
from lodestone._options import with_ranges
from lodestone._results import (
    Certificate,
    Recovery,
    RecoveryBound,
    certificate,
    columns_of,
    recovery,
    recovery_bound,
)
from lodestone._teacher import Teacher


@dataclass(frozen=True)
class ModelCertificate:
    """How well a model minimizes P_λ (docs/math.md, 6). Losses, masses and λ are those of the
    standardized problem: divided by the target's scale, squared for losses."""

    weight_decay: float
    """λ."""
    weight_decay_in_target_units: float
    weight_decay_source: str
    """'given'; 'model': what it was trained with; 'tightest': chosen for the smallest relative
    gap, because the model does not say."""
    loss: float
    """L with alpha and beta at their optimum."""
    loss_as_given: float
    """L with the model's own."""
    null_loss: float
    """L without neurons."""
    mass: float
    """Σ |a_i|‖w_i‖."""
    penalized_loss: float
    """P_λ at balance, L + λ · mass."""
    certificate: Certificate
    worst: dict[str, Any] = field(repr=False)
    """eta, direction (d,) and bias, in the data's units, where |η| is largest."""
    maxima: tuple[dict[str, Any], ...] = field(repr=False)
    """The same for every distinct local maximum of |η| that was found, largest first."""
    neurons: dict[str, np.ndarray] = field(repr=False)
    """feature (its number), mass, sign, eta (equal to sign at an optimum) and violates of those
    with mass, heaviest first."""
    violations: int
    """Neurons where |η − sign| exceeds the tolerance."""
    violating_share: float
    """Their share of the mass."""
    recovery_bound: Optional[RecoveryBound]
    """What the gap implies for the neurons' directions, where a teacher's population was given."""
    model: _core.Model = field(repr=False)
    """What was judged, in the coordinates in which it was judged."""


@dataclass(frozen=True)
class Discrepancy:
    """A reported number that the recomputed one contradicts."""

    field: str
    reported: float
    recomputed: float
    tolerance: float
    """On their difference."""


@dataclass(frozen=True)
class VerifiedNumbers:
    """A model's numbers at weight decay λ, recomputed in extended precision by code that shares
    nothing with solvers and certificates. In units of the standardized problem."""

    weight_decay: float
    loss: float
    """L with alpha and beta at their optimum."""
    loss_as_given: float
    null_loss: float
    mass: float
    squared_norm: float
    """‖a‖² + ‖W‖²."""
    penalized_loss: float
    """L + λ/2 (‖a‖² + ‖W‖²), of the layers as they are."""
    balanced_loss: float
    """L + λ · mass."""
    sup_eta: float
    """The largest |η| that was found: a lower bound on sup |η|. NaN where λ = 0."""
    worst_direction: np.ndarray = field(repr=False)
    """(d,) or (d + 1,), where it is, in standardized coordinates."""
    neuron_eta: np.ndarray = field(repr=False)
    """η of each neuron; of several outputs its length."""
    gap: float
    relative_gap: float
    sign_violation: float
    """By how much a model that is to be monotone has a sign wrong; 0 where it has none wrong."""
    recovery: Optional[Recovery]
    discrepancies: tuple[Discrepancy, ...]
    """What contradicts the certificate that was given; empty when everything agrees."""


@with_ranges("certify")
def certify(
    model: Any,
    on: Any,
    y: Optional[Any] = None,
    *,
    sample_weight: Optional[Any] = None,
    offset: Optional[Any] = None,
    weight_decay: Optional[float] = None,
    standardize: Optional[str] = None,
    tolerance: float = 0.01,
    rigorous: bool = False,
    bound_tolerance: float = 1e-5,
    max_cells: int = 5_000_000,
    starts: int = 200,
    seed: int = 0,
) -> ModelCertificate:
    """How close a network is to the best one of any width, however it was trained: the same as
    ``lodestone certify`` (docs/math.md, 6).

    Parameters
    ----------
    model : Model, Network, TrainResult, fitted LodestoneRegressor or MLPRegressor, PyTorch
        state_dict, ...
        What `Network.of` takes. A fitted LodestoneRegressor or LodestoneClassifier is judged by its
        penalized network, with its own loss.
    on : Teacher, array (n, d) or frame
        The exact population of a teacher, or rows X with their targets y. A frame's columns are
        found by name, in whatever order they are and among others, and become what training made of
        them; by position where the model knows no names.
    y : array or series (n,)
        Of a LodestoneClassifier its labels.
    sample_weight : array (n,), optional
        0 or positive.
    offset : array or series (n,), optional
        Known parts of the scores: a score is offset + f(x). A model that was trained with one needs
        it.
    weight_decay : float, optional
        λ of the standardized problem. Default: what the model was trained with; where it does not
        say, what makes its relative gap smallest.
    standardize : "none", "scale" or "whiten", optional
        Coordinates for a network that brings none of its own, as those of training elsewhere are.
        Default: the data's own units.
    tolerance : float
        A neuron violates optimality when |η − sign(a)| exceeds this.
    rigorous : bool
        Prove sup |η| by branch and bound instead of estimating it; for effective dimensions up to
        about 4.
    bound_tolerance : float
        The proof stops when its bound is this close to an attained value, relative.
    max_cells : int
        Budget of the proof; when it is used up the best bound so far stands.
    starts, seed : int
        Random directions from which |η| is climbed, and their seed.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and rows or a teacher that do not fit the model: also a frame
        without one of its columns.
    """
    options = {
        "weight_decay": weight_decay,
        "standardize": standardize,
        "tolerance": tolerance,
        "rigorous": rigorous,
        "bound_tolerance": bound_tolerance,
        "max_cells": max_cells,
        "starts": starts,
        "seed": seed,
    }
    judged, teacher, rows = _judged(model, on, y, sample_weight, offset)
    if standardize is not None and judged.standardization != "none":
        raise ValueError(f"standardize: got {standardize!r}; this model brings its own "
                         f"({judged.standardization})")
    parts = _core.certify(judged, teacher, rows, option_texts(options))
    error = parts.pop("error")
    if error is not None:
        raise error
    parts["certificate"] = certificate(parts["certificate"])
    if parts["recovery_bound"] is not None:
        parts["recovery_bound"] = recovery_bound(parts["recovery_bound"])
    parts["maxima"] = tuple(parts["maxima"])
    parts["neurons"] = columns_of(parts["neurons"])
    return ModelCertificate(**parts)


def verify(
    model: Any,
    on: Any,
    y: Optional[Any] = None,
    *,
    sample_weight: Optional[Any] = None,
    offset: Optional[Any] = None,
    weight_decay: Optional[float] = None,
    certificate: Optional[ModelCertificate] = None,
    random_directions: int = 500,
    searches: int = 8,
    seed: int = 0,
) -> VerifiedNumbers:
    """A model's loss, penalty, η and gap recomputed by plain loops in extended precision, by other
    formulas where there are any: the verifier of ``lodestone verify``.

    Parameters
    ----------
    model, on, y, sample_weight, offset
        As for `certify`; of a model of several targets y is (n, targets).
    weight_decay : float, optional
        λ of the standardized problem, 0 or positive. Default: the certificate's, or the model's.
    certificate : ModelCertificate, optional
        What `certify` said. Its numbers are compared, and every contradiction is listed in
        `VerifiedNumbers.discrepancies`.
    random_directions, searches, seed : int
        Where |η| is looked at, and how many pattern searches start there.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and rows or a teacher that do not fit the model.
    """
    judged, teacher, rows = _judged(model, on, y, sample_weight, offset)
    reported = None
    directions = None
    if certificate is not None:
        judged = certificate.model
        found = certificate.certificate
        reported = {
            "loss": certificate.loss,
            "penalized_loss": certificate.penalized_loss,
            "sup_eta": found.sup_eta,
            "sup_eta_lower": found.sup_eta_lower,
            "gap": found.gap,
            "relative_gap": found.relative_gap,
            "kind": found.kind,
        }
        if found.direction.size > 0:
            directions = matrix(found.direction[None, :], "directions")
        if weight_decay is not None and weight_decay != certificate.weight_decay:
            raise ValueError(f"weight_decay: got {weight_decay}; the certificate is one at "
                             f"{certificate.weight_decay}")
        weight_decay = certificate.weight_decay
    elif weight_decay is None:
        weight_decay = judged.weight_decay
        if weight_decay == 0.0:
            raise ValueError("weight_decay: got None; this model does not say what it was trained "
                             "with")
    parts = _core.verify(
        judged,
        teacher,
        rows,
        float(weight_decay),
        random_directions,
        searches,
        seed,
        directions,
        reported,
    )
    error = parts.pop("error")
    if error is not None:
        raise error
    if parts["recovery"] is not None:
        parts["recovery"] = recovery(parts["recovery"])
    parts["discrepancies"] = tuple(Discrepancy(**item) for item in parts["discrepancies"])
    return VerifiedNumbers(**parts)


def _judged(model: Any, on: Any, y: Any, sample_weight: Any, offset: Any):
    """The model as the library has it, and what it is judged on: a teacher or rows."""
    teacher = rows = None
    columns: Optional[list[str]] = None
    target = "y"
    if isinstance(on, Teacher):
        for name, given in (("y", y), ("sample_weight", sample_weight), ("offset", offset)):
            if given is not None:
                raise ValueError(f"{name}: goes with rows, not with a Teacher")
        teacher = (on.directions, on.amplitudes)
    elif y is None:
        raise ValueError("y: got None; rows need a target each")
    else:
        matched = rows_for(model, on)
        if matched is not None:
            on, columns = matched
        target = target_name(y)
        if hasattr(model, "classes_") and hasattr(model, "network_model_"):
            y = codes_of(y, model.classes_)
        targets = None
        network_model = getattr(model, "network_model_", model)
        if several_targets(y) and getattr(network_model, "outputs", None):
            numbers = numbers_of_table(y)
            targets = finite(matrix(y if numbers is None else numbers, "y"), "y")
            y = targets[:, 0]
        checked = table(on, y, sample_weight)
        rows = (*checked, offset_of(offset, len(checked[0])), targets)
    for name in ("network_model_", "neurons"):
        model = getattr(model, name, model)
    if isinstance(model, _core.Model):
        return model, teacher, rows
    network = Network.of(model)
    if teacher is not None and network.b is not None and not network.b.any():
        # A population has no biases; a network whose biases are all zero has none either.
        network = Network(network.a, network.W, None, network.alpha, network.beta)
    if rows is not None and rows[0].shape[1] != network.dimension:
        raise ValueError(f"X: got {rows[0].shape[1]} columns; the network has {network.dimension} inputs")
    return network.to_model(columns, target), teacher, rows
