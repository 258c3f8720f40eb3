"""A model as a person reads it: what summary, page and notebooks tell, worked out once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy as np

from lodestone._families import has_link, spread
from lodestone._importance import Shares, shares
from lodestone._network import refuse_several
from lodestone._sources import Source, read_columns, read_json, truth
from lodestone._style import loading, printable, short, signed

# Loadings below this share of the largest are left out of words; they are in the tables.
_SMALL = 0.05
# And below this they are not even counted there: they would round to 0.00.
_NOTHING = 0.005
# From this loading on, a direction is told by its one column, in that column's unit.
_ALONE = 0.98


@dataclass(frozen=True)
class Bend:
    """A feature in standardized coordinates: slope · relu(u − bend), where u counts standard
    deviations along its direction from the mean (docs/math.md, 10.2)."""

    number: int
    """From 1, in the model's order."""
    amplitude: float
    bias: float
    slope: float
    bend: float
    direction: np.ndarray
    """(d), unit length in standardized columns."""
    weights: np.ndarray
    """(d), in own units."""
    explained: float
    active: float
    angle_95_deg: float
    found_share: float

    def value(self, u: np.ndarray) -> np.ndarray:
        """What it adds to the prediction at u."""
        return self.slope * np.maximum(u - self.bend, 0.0)

    def bends(self) -> list[float]:
        return [self.bend]

    @property
    def title(self) -> str:
        return f"feature {self.number}: {signed(self.slope)} beyond {short(self.bend, 2)}"


@dataclass(frozen=True)
class Curve:
    """A smooth function of one direction: features of the model that share it (docs/math.md, 9.8)."""

    number: int
    """From 1, in the model's order."""
    degrees_of_freedom: float
    direction: np.ndarray
    """(d), unit length in standardized columns."""
    weights: np.ndarray
    """(d), in own units."""
    explained: float
    angle_95_deg: float
    found_share: float
    pieces: list[Bend]

    def value(self, u: np.ndarray) -> np.ndarray:
        """What it adds to the prediction at u."""
        return np.asarray(sum((one.value(self._side(one) * u) for one in self.pieces),
                              np.zeros(np.shape(u))))

    def bends(self) -> list[float]:
        return [self._side(one) * one.bend for one in self.pieces]

    def _side(self, piece: Bend) -> float:
        """A piece may look the other way."""
        return 1.0 if float(piece.direction @ self.direction) > 0.0 else -1.0

    @property
    def title(self) -> str:
        return f"feature {self.number}: smooth"


@dataclass
class Evidence:
    """What is known about a model beside its numbers."""

    command: str = "model"
    rows: Optional[int] = None
    source: str = ""
    error: float = math.nan
    standard_error: float = math.nan
    folds: Optional[int] = None
    linear_error: float = math.nan
    linear_standard_error: float = math.nan
    relaxed: Optional[bool] = None
    weight_decay: Optional[float] = None
    rule: str = ""
    curve: list[dict[str, Any]] = field(default_factory=list)
    certificate: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    reports: dict[str, np.ndarray] = field(default_factory=dict)
    training_error: float = math.nan


class Reading:
    """Numbers of a model, in the order and the coordinates in which they are told."""

    def __init__(
        self,
        source: Source,
        evidence: Evidence,
        X: Optional[np.ndarray] = None,
        known: Optional[Shares] = None,
    ) -> None:
        model = source.model
        refuse_several(model)
        self.source, self.model, self.evidence = source, model, evidence
        self.columns = [printable(name) for name in source.columns or model.columns]
        self.target = printable(model.target or "y")
        self._name_score(model.family)
        self.center, self.scale = np.asarray(model.center), np.asarray(model.scale)
        self.standardized = model.standardization != "none"
        self.unit = "standard deviation" if self.standardized else "unit"
        self.alpha, self.beta = float(model.alpha), np.asarray(model.beta)
        self.level = self.alpha + float(self.beta @ self.center)
        self.linear = self.beta * self.scale
        self.shares = known or shares(model, X)
        self.features = self._features()
        self.curves = self._curves()
        self.shown: list[Bend | Curve] = [*self.curves] or [*self.features]

    def _curves(self) -> list[Curve]:
        """The smooth functions of a smooth model; what one explains, its pieces explain together."""
        by_number = {one.number: one for one in self.features}
        found = []
        for k, (first, count, freedom, _) in enumerate(self.model.ridges):
            pieces = [by_number[i + 1] for i in range(first, first + count)]
            explained = sum(one.explained for one in pieces)

            def told(name: str, at: int = k) -> float:
                values = self.evidence.reports.get(name, np.zeros(0))
                return float(values[at]) if at < len(values) else math.nan

            found.append(Curve(k + 1, freedom, pieces[0].direction, pieces[0].weights, explained,
                               told("angle_95_deg"), told("found_share"), pieces))
        return sorted(found, key=lambda one: (-abs(one.explained), one.number))

    def _name_score(self, family: str) -> None:
        """What the model's sum is called: the target, or the score behind its prediction."""
        self.family, self.linked, self.spread = family, has_link(family), spread(family)
        self.labels = tuple(printable(label) for label in self.source.labels)
        self.told = "score" if self.linked else "prediction"
        """What features and columns explain a share of."""
        self.event = f"{printable(self.target, 24)} = {printable(self.labels[1], 24)}"
        if family == "logistic":
            self.sum, self.subject = f"log odds ({self.event})", f"the log of the odds of {self.event}"
            self.meaning = (f"the score is the log of the odds of {self.event}; the probability is "
                            "1/(1 + exp(−score))")
        elif family == "poisson":
            self.sum, self.subject = f"log mean ({self.target})", f"the log of the mean of {self.target}"
            self.meaning = f"the score is the log of the mean of {self.target}"
        else:
            self.sum = self.subject = self.target
            self.meaning = ""
        if self.model.offset:
            added = f"the offset {printable(self.model.offset, 24)} of each row is added to the sum"
            self.meaning = f"{self.meaning}; {added}" if self.meaning else added

    def _features(self) -> list[Bend]:
        model = self.model
        W = model.directions
        scaled = W * self.scale
        norms = np.linalg.norm(scaled, axis=1) if len(W) else np.zeros(0)
        # Of a smooth model they are about functions, not about their pieces.
        reports = {} if model.ridges else self.evidence.reports
        found = []
        for i, (b, a) in enumerate(zip(model.biases, model.amplitudes)):
            norm = norms[i] if norms[i] > 0.0 else 1.0

            def told(name: str) -> float:
                values = reports.get(name)
                return float(values[i]) if values is not None and i < len(values) else math.nan

            found.append(
                Bend(
                    number=i + 1,
                    amplitude=float(a),
                    bias=float(b),
                    slope=float(a * norm),
                    bend=float(-(b + W[i] @ self.center) / norm),
                    direction=scaled[i] / norm,
                    weights=W[i],
                    explained=float(self.shares.features[i]),
                    active=float(self.shares.active[i]),
                    angle_95_deg=told("angle_95_deg"),
                    found_share=told("found_share"),
                )
            )
        return sorted(found, key=lambda one: (-abs(one.explained), one.number))

    # ---- in words

    def direction(self, loadings: np.ndarray, most: int = 4) -> list[tuple[str, str]]:
        """(signed loading, column) of the columns that matter, the largest first."""
        order = np.argsort(-np.abs(loadings), kind="stable")
        largest = abs(loadings[order[0]]) if len(order) else 0.0
        unit = abs(float(loadings @ loadings) - 1.0) < 1e-6
        number = loading if unit else lambda value: signed(value, 3)
        kept = [j for j in order if largest > 0.0 and abs(loadings[j]) >= _SMALL * largest]
        return [(number(loadings[j]), self.columns[j]) for j in kept[:most]]

    def left_out(self, loadings: np.ndarray, most: int = 4) -> int:
        """Columns with a loading that `direction` does not name."""
        return self.named(loadings) - len(self.direction(loadings, most))

    @staticmethod
    def named(loadings: np.ndarray) -> int:
        """Columns that count in a direction."""
        size = np.abs(loadings)
        return int(np.count_nonzero(size > _NOTHING * size.max(initial=0.0)))

    def lone_column(self, feature: Bend | Curve) -> Optional[int]:
        """The column a direction runs along, where it is one."""
        j = int(np.abs(feature.direction).argmax())
        return j if abs(feature.direction[j]) >= _ALONE else None

    def sentence(self, feature: Bend | Curve) -> str:
        """What a feature does."""
        if isinstance(feature, Curve):
            j = self.lone_column(feature)
            of = self.columns[j] if j is not None and self.standardized else "the direction"
            return (f"A smooth function of {of}, with {short(feature.degrees_of_freedom, 2)} effective "
                    "degrees of freedom beside the linear part.")
        verb = "rises" if feature.slope > 0 else "falls"
        size = short(abs(feature.slope))
        j = self.lone_column(feature)
        if j is not None and self.standardized:
            sign = math.copysign(1.0, feature.direction[j])
            at = short(self.center[j] + sign * feature.bend * self.scale[j])
            per = short(abs(feature.amplitude * feature.weights[j]))
            side, way = ("above", "more") if sign > 0 else ("below", "less")
            said = (
                f"Where {self.columns[j]} is {side} {at}, {self.subject} {verb} by {per} for each "
                f"unit {way}"
            )
        else:
            at = short(feature.bend, 2)
            said = (
                f"Beyond {at} {self.unit}s along the direction, {self.subject} {verb} by {size} "
                f"for each further one"
            )
        share = f"{100 * feature.active:.0f}% of the rows"
        if feature.active >= 0.995:
            return said + "; every row lies there, so this feature is a straight line."
        return said + f"; elsewhere the feature adds nothing. {share} lie there."

    def important(self, most: int = 3) -> list[tuple[str, float]]:
        order = np.argsort(-np.abs(self.shares.columns), kind="stable")[:most]
        return [
            (self.columns[j], float(self.shares.columns[j]))
            for j in order
            if abs(self.shares.columns[j]) >= 0.02
        ]

    def linear_does_as_well(self) -> Optional[bool]:
        known = self.evidence
        if not (math.isfinite(known.linear_error) and math.isfinite(known.error)):
            return None
        noise = known.standard_error if math.isfinite(known.standard_error) else 0.0
        return known.linear_error <= known.error + noise

    def certified(self) -> str:
        """The certificate in a sentence, empty without one."""
        held = self.evidence.certificate
        gap = held.get("relative_gap")
        if gap is None:
            return ""
        how = "proven" if held.get("kind") == "rigorous" else "estimated"
        return (
            f"the penalized network is within {short(float(gap), 2)} (relative) of the best of any "
            f"width ({how})"
        )


# ---- where evidence comes from


def evidence_of(source: Source) -> Evidence:
    if source.folder is not None:
        return _of_folder(source.folder)
    estimator = source.estimator
    if estimator is not None and hasattr(estimator, "cv_results_"):
        return _of_regressor(estimator)
    if estimator is not None and hasattr(estimator, "history"):
        return _of_training(estimator)
    decay = float(source.model.weight_decay)
    return Evidence(weight_decay=decay if decay > 0.0 else None)


def _of_folder(folder: Path) -> Evidence:
    summary = read_json(folder / "summary.json", folder)
    selection = summary.get("selection", {})
    chosen = selection.get("chosen", {})
    listed = summary.get("feature_list", [])
    names = {name for one in listed for name in one}
    curve: dict[str, np.ndarray] = {}
    for name in ("curve.csv", "cross_validation.csv"):
        if not curve and (folder / name).exists():
            curve = read_columns(folder / name)
    evidence = Evidence(
        command=str(summary.get("command")),
        rows=summary.get("training_rows"),
        source=str(summary.get("source", folder.name)),
        error=_number(chosen.get("validation_error")),
        standard_error=_number(chosen.get("standard_error")),
        folds=selection.get("folds"),
        relaxed=summary.get("model", {}).get("relaxed"),
        weight_decay=summary.get("lambda"),
        rule=str(selection.get("rule", "")),
        certificate=summary.get("certificate") or {},
        test=summary.get("test") or {},
        warnings=[str(one) for one in summary.get("warnings", [])],
        reports={n: np.array([_number(one.get(n)) for one in listed]) for n in names},
    )
    return _with_curve(evidence, curve)


def _of_regressor(estimator: Any) -> Evidence:
    tried = estimator.cv_results_
    evidence = Evidence(
        command="fit",
        rows=getattr(estimator, "_row_count", None),
        source="arrays",
        weight_decay=estimator.weight_decay_,
        rule=str(estimator.select),
        folds=estimator.cv if isinstance(estimator.cv, int) else None,
        certificate=vars(estimator.certificate_),
        warnings=[str(one) for one in estimator.warnings_],
        reports=dict(estimator.feature_reports_),
    )
    if tried:
        chosen = np.flatnonzero(truth(np.asarray(tried["chosen"])))
        if len(chosen):
            at = int(chosen[0])
            evidence.error = float(tried["validation_error"][at])
            evidence.standard_error = float(tried["validation_standard_error"][at])
            evidence.relaxed = bool(tried["relaxed"][at])
    curve = tried
    if callable(getattr(estimator, "curve", None)):
        try:
            found = estimator.curve()
            curve = {str(name): np.asarray(found[name]) for name in found}
        except (ImportError, KeyError, TypeError, ValueError):
            curve = tried
    return _with_curve(evidence, {name: np.asarray(values) for name, values in curve.items()})


def _of_training(result: Any) -> Evidence:
    return Evidence(
        command="train",
        source="Algorithm 1",
        weight_decay=result.weight_decay,
        certificate=vars(result.certificate) if result.certificate is not None else {},
        test=dict(result.test or {}),
        warnings=[str(one) for one in result.warnings],
    )


def _with_curve(evidence: Evidence, columns: dict[str, np.ndarray]) -> Evidence:
    evidence.curve = curve_points(columns)
    for point in evidence.curve:
        if point["features"] == 0 and not point["error"] >= evidence.linear_error:
            evidence.linear_error = point["error"]
            evidence.linear_standard_error = point["standard_error"]
        if point["chosen"] and math.isnan(evidence.error):
            evidence.error = point["error"]
            evidence.standard_error = point["standard_error"]
    return evidence


def curve_points(columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Error against the number of features, from the columns of curve.csv, or from those of
    cross_validation.csv: there the best of each number and kind."""
    if not {"features", "validation_error"} <= set(columns):
        return []
    count = np.asarray(columns["features"], dtype=float)
    error = np.asarray(columns["validation_error"], dtype=float)
    noise = np.asarray(columns.get("validation_standard_error", np.full(len(count), np.nan)), float)
    chosen = truth(np.asarray(columns.get("chosen", np.zeros(len(count)))))
    if "kind" in columns:
        kinds = [str(kind) for kind in columns["kind"]]
    else:
        relaxed = truth(np.asarray(columns.get("relaxed", np.zeros(len(count)))))
        smooth = truth(np.asarray(columns.get("smooth", np.zeros(len(count)))))
        kinds = ["smooth" if s else "linear" if n == 0 else "refitted" if r else "penalized"
                 for n, r, s in zip(count, relaxed, smooth)]
    best: dict[tuple[str, int], dict[str, Any]] = {}
    for i, kind in enumerate(kinds):
        if not (math.isfinite(error[i]) and math.isfinite(count[i])):
            continue
        point: dict[str, Any] = {"features": int(count[i]), "kind": kind, "error": float(error[i]),
                 "standard_error": float(noise[i]), "chosen": bool(chosen[i])}
        held = best.get((kind, int(count[i])))
        if held is None or (point["chosen"], -point["error"]) > (held["chosen"], -held["error"]):
            best[(kind, int(count[i]))] = point
    order = {"linear": 0, "refitted": 1, "penalized": 2, "smooth": 3}
    return sorted(best.values(), key=lambda one: (order.get(one["kind"], 4), one["features"]))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
