"""Models as text that other programs run: an expression of SQL, a function of Python or of C.

The numbers are those of the model, with all their digits, so that the text predicts what the model
predicts up to rounding. Inputs are the columns of the table before text became 0/1 columns.
"""

from __future__ import annotations

import json
import keyword
import os
import re
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional, Union

import numpy as np

from lodestone import _core
from lodestone._frames import Column, TableEncoding
from lodestone._network import Network, model_of, refuse_offset
from lodestone._onnx import before_scaling, write_whole
from lodestone._sources import unwrapped

# The ending of a file in each language.
ENDINGS = {"sql": ".sql", "python": ".py", "c": ".c"}
# A sum of more terms is one of sums: SQLite takes expressions of depth 1000, Python of a few thousand.
_MOST_TERMS = 100
# e to the power of more than this is not finite.
_LARGEST_EXPONENT = 709.78


def to_formula(
    source: Any, path: Optional[Union[str, os.PathLike]] = None, *, language: str = "python"
) -> str:
    """A model as text to paste into another program, which predicts what `Model.predict` does.

    Of the logistic family that is the probability of 1 (of a LodestoneClassifier of
    ``classes_[1]``), of counts their mean. Inputs are the table's own columns: text, categories and
    booleans are compared with the values that training saw, where another value is none of them. A
    missing value makes the prediction missing (NULL, NaN), but of a model with
    ``missing="indicator"``.

    Parameters
    ----------
    source : Model, Network, fitted LodestoneRegressor or LodestoneClassifier, TrainResult, or what `Network.of` takes
        Also a Pipeline or search that ends in one of them, where the steps before it only shift and
        scale columns, as in `to_onnx`. Means that stand for missing values are the estimator's: its
        ``model_`` does not know them.
    path : str or PathLike, optional
        Written whole or not at all. Default: nothing is written.
    language : {"python", "sql", "c"}
        "python": a function ``predict`` of floats (of text columns str, of booleans bool; None and
        NaN are missing), which needs the module math alone. "sql": an expression over the columns,
        whose names are quoted, for SQLite (of classes and counts with its mathematical functions)
        and PostgreSQL. "c": a function ``predict`` in C99 of doubles (of text columns strings in
        UTF-8, where NULL is missing). Where a column's name is none of a variable, a comment says
        which variable it is.

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        For what is no two-layer network, another language, and names that the language cannot hold.
    OSError
        When the file cannot be written.
    """
    if language not in ENDINGS:
        raise ValueError(f"language: got {language!r}; must be one of "
                         + ", ".join(map(repr, ENDINGS)))
    text = {"sql": _sql, "python": _python, "c": _c}[language](_formula_of(source))
    if path is not None:
        write_whole(path, text.encode("utf-8"))
    return text


def inputs_of(source: Any) -> list[str]:
    """The columns that a formula takes, in its order."""
    return [column.name for column in _formula_of(source).inputs]


# ---- what every language says


@dataclass(frozen=True)
class _Piece:
    """amplitude · relu(sign · u + bias) of a direction's u."""

    amplitude: float
    sign: float
    bias: float


@dataclass(frozen=True)
class _Formula:
    """α + β·x + Σ over directions of the pieces that share one, and what it means."""

    alpha: float
    beta: np.ndarray
    directions: list[tuple[np.ndarray, list[_Piece]]]
    family: str
    meaning: str
    """What the number is, in words."""
    inputs: tuple[Column, ...]
    """Columns of the table; what they become are the d columns of the model."""
    mean_for_missing: bool
    """A missing number is the column's mean, a missing label none of the values."""

    @property
    def names(self) -> list[str]:
        """Of the model's d columns."""
        return [name for column in self.inputs for name in column.outputs]


def _formula_of(given: Any) -> _Formula:
    source, steps = unwrapped(given)
    model = model_of(source)
    refuse_offset(model)
    network = Network.of(model)
    encoding = getattr(source, "_encoding", None)
    if steps is not None:
        network, _ = before_scaling(network, np.asarray(model.center), steps)
        columns = [str(name) for name in getattr(steps, "feature_names_in_", model.columns)]
        encoding = TableEncoding.of_model(columns)
    elif encoding is None:
        encoding = TableEncoding.of_model(model.columns, model.encodings, model.imputations)
    return _Formula(
        network.alpha,
        np.asarray(network.beta),
        _directions(network, [ridge[:2] for ridge in model.ridges]),
        model.family,
        _meaning(model, getattr(source, "classes_", None)),
        encoding.columns,
        encoding.missing == "indicator",
    )


def _directions(
    network: Network, ridges: list[tuple[int, int]]
) -> list[tuple[np.ndarray, list[_Piece]]]:
    """The features, those of a ridge together: they share one direction, up to sign."""
    biases = np.zeros(network.width) if network.b is None else network.b
    found = []
    for first, count in ridges or [(i, 1) for i in range(network.width)]:
        direction = network.W[first]
        pieces = [
            _Piece(network.a[i], 1.0 if (network.W[i] == direction).all() else -1.0, biases[i])
            for i in range(first, first + count)
        ]
        found.append((direction, pieces))
    return found


def _meaning(model: _core.Model, classes: Any) -> str:
    target = _quoted(model.target)
    if model.family == "logistic":
        label = "1" if classes is None else _quoted(str(classes.tolist()[1]))
        return f"the probability that {target} is {label}"
    return f"the mean of {target}" if model.family == "poisson" else target


def _quoted(text: str) -> str:
    """In one line of a comment, which it does not end: also none of SQL, where comments nest."""
    return json.dumps(text, ensure_ascii=False).replace("*/", "* /").replace("/*", "/ *")


def _number(value: float) -> str:
    return repr(float(value))


def _term(coefficient: float, factor: str) -> tuple[str, str]:
    """(sign, text) of coefficient·factor."""
    size = _number(abs(coefficient))
    text = factor if size == "1.0" else f"{size} * {factor}"
    return "-" if coefficient < 0.0 else "+", text


def _constant(value: float) -> list[tuple[str, str]]:
    return [("-" if value < 0.0 else "+", _number(abs(value)))] if value != 0.0 else []


def _sum(terms: list[tuple[str, str]]) -> str:
    """Terms in one line, in sums of at most `_MOST_TERMS`."""
    while len(terms) > _MOST_TERMS:
        cuts = range(0, len(terms), _MOST_TERMS)
        terms = [("+", f"({_sum(terms[cut : cut + _MOST_TERMS])})") for cut in cuts]
    if not terms:
        return "0.0"
    first, *others = terms
    return ("-" if first[0] == "-" else "") + first[1] + "".join(f" {s} {t}" for s, t in others)


def _sum_in_lines(lines: list[str], indent: str) -> str:
    """Lines that begin with a sign, in sums of at most `_MOST_TERMS`."""
    while len(lines) > _MOST_TERMS:
        cuts = range(0, len(lines), _MOST_TERMS)
        lines = [
            f"+ (\n{_sum_in_lines(lines[cut : cut + _MOST_TERMS], indent + '  ')}\n{indent})"
            for cut in cuts
        ]
    return "\n".join(indent + line for line in lines)


def _weighted(coefficients: np.ndarray, factors: list[str]) -> list[tuple[str, str]]:
    """Terms of the coefficients that are not zero."""
    return [_term(one, factor) for one, factor in zip(coefficients, factors) if one != 0.0]


# ---- SQL


def _sql(formula: _Formula) -> str:
    names = [column.name for column in formula.inputs]
    _refuse_nul(names + [value for column in formula.inputs for value in column.values or ()], "SQL")

    # The name u means the nearest one: that of the direction, not a column of the table. Unlike
    # CASE WHEN u > 0, (u + |u|)/2 is NULL where u is.
    def feature(direction: np.ndarray, pieces: list[_Piece]) -> str:
        first = pieces[0]
        alone = len(pieces) == 1
        u = _sum(_sql_weighted(formula, direction) + (_constant(first.bias) if alone else []))
        if alone:
            sign, relu = _term(first.amplitude, f"(SELECT 0.5 * (u + abs(u)) FROM (SELECT {u} AS u) AS f)")
            return f"{sign} {relu}"
        relus = []
        for piece in pieces:
            moved = _sum([_term(piece.sign, "u"), *_constant(piece.bias)])
            relus.append(_term(0.5 * piece.amplitude, f"({moved} + abs({moved}))"))
        return f"+ (SELECT {_sum(relus)} FROM (SELECT {u} AS u) AS f)"

    lines = [f"+ {_sum(_sql_weighted(formula, formula.beta))}"] if formula.beta.any() else []
    lines += [feature(*one) for one in formula.directions]
    head = f"/* {formula.meaning}; lodestone {_core.__version__} */"
    constant = _sum(_constant(formula.alpha))

    def score(indent: str) -> list[str]:
        return [indent + constant] + ([_sum_in_lines(lines, indent)] if lines else [])

    if formula.family not in ("logistic", "poisson"):
        return "\n".join([head, "(", *score("  "), ")", ""])
    # PostgreSQL has errors where exp overflows or underflows.
    least, largest = _number(-_LARGEST_EXPONENT), _number(_LARGEST_EXPONENT)
    told = {
        "logistic": f"CASE WHEN score < {least} THEN 0.0 WHEN score > {largest} THEN 1.0 "
        "ELSE 1.0 / (1.0 + exp(-score)) END",
        "poisson": f"CASE WHEN score < {least} THEN 0.0 ELSE exp(score) END",
    }[formula.family]
    inner = ["  FROM (", "    SELECT", *score("      "), "    AS score", "  ) AS s"]
    return "\n".join([head, "(", f"  SELECT {told}", *inner, ")", ""])


def _sql_weighted(formula: _Formula, coefficients: np.ndarray) -> list[tuple[str, str]]:
    """Terms of each column of the table, whatever it became."""
    terms: list[tuple[str, str]] = []
    at = 0
    for column in formula.inputs:
        own = coefficients[at : at + len(column.outputs)]
        at += len(own)
        name = '"' + column.name.replace('"', '""') + '"'
        if not own.any():
            continue
        if column.values is not None:
            terms.append(("+", _sql_choice(formula, column, name, own)))
            continue
        factor = name
        if column.kind == "boolean":
            factor = f"(CASE WHEN {name} THEN 1.0 WHEN NOT {name} THEN 0.0 END)"
        if formula.mean_for_missing:
            factor = f"COALESCE({factor}, {_number(column.mean)})"
        terms += _weighted(own[:1], [factor])
        if column.indicated and own[1] != 0.0:
            terms.append(_term(own[1], f"(CASE WHEN {name} IS NULL THEN 1.0 ELSE 0.0 END)"))
    return terms


def _sql_choice(formula: _Formula, column: Column, name: str, own: np.ndarray) -> str:
    """The coefficient of the value that a column of labels has."""
    assert column.values is not None
    cases = []
    for value, coefficient in zip(column.values, own):
        if column.kind == "boolean":
            test = name if value == "True" else f"NOT {name}"
        else:
            test = f"{name} = '" + value.replace("'", "''") + "'"
        cases.append(f"WHEN {test} THEN {_number(coefficient)}")
    if formula.mean_for_missing:
        if column.indicated:
            cases.append(f"WHEN {name} IS NULL THEN {_number(own[-1])}")
        cases.append("ELSE 0.0")
    else:
        cases.append(f"WHEN {name} IS NOT NULL THEN 0.0")
    return f"(CASE {' '.join(cases)} END)"


def _refuse_nul(texts: Iterable[str], language: str) -> None:
    for text in texts:
        if "\0" in text:
            raise ValueError(f"columns: {text!r} holds the character NUL, which {language} cannot hold")


# ---- functions of Python and C


class _Names:
    """Variables for names of any kind: letters, digits and _ of ASCII, each different."""

    def __init__(self, reserved: Callable[[str], bool], taken: Iterable[str]) -> None:
        self._reserved = reserved
        self._taken = set(taken)

    def of(self, name: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:50].strip("_")
        if not re.match(r"[A-Za-z]", plain) or self._reserved(plain):
            plain = "x" + plain
        found, number = plain, 1
        while found in self._taken:
            number += 1
            found = f"{plain}_{number}"
        self._taken.add(found)
        return found


@dataclass(frozen=True)
class _Variables:
    inputs: list[str]
    """Of the columns of the table."""
    columns: list[str]
    """Of the model's d columns; that of the table where it is the same."""


def _variables(formula: _Formula, names: _Names) -> _Variables:
    inputs = [names.of(column.name) for column in formula.inputs]
    columns: list[str] = []
    for column, variable in zip(formula.inputs, inputs):
        outputs = column.outputs
        if column.values is None:
            # A mean in place of a missing number makes another number of it.
            columns.append(names.of(f"{variable}_or_mean") if formula.mean_for_missing else variable)
            outputs = outputs[1:]
        columns += [names.of(name) for name in outputs]
    return _Variables(inputs, columns)


def _uses(formula: _Formula) -> np.ndarray:
    """(d) whether the model depends on a column."""
    used = formula.beta != 0.0
    for direction, _ in formula.directions:
        used = used | (direction != 0.0)
    return used


def _body(
    formula: _Formula, variables: _Variables, relu: Callable[[str], str], indent: str, end: str, note: str
) -> tuple[list[str], bool]:
    """(the lines that add up the score, whether they need a variable u)."""
    linear = _constant(formula.alpha) + _weighted(formula.beta, variables.columns)
    lines = [f"score = {_sum(linear)}{end}"]
    with_u = False
    for direction, pieces in formula.directions:
        terms = _weighted(direction, variables.columns)
        if len(pieces) == 1:
            sign, text = _term(pieces[0].amplitude, relu(_sum(terms + _constant(pieces[0].bias))))
            lines.append(f"score {sign}= {text}{end}")
            continue
        with_u = True
        lines.append(f"u = {_sum(terms)}{end}{note}")
        for piece in pieces:
            moved = _sum([_term(piece.sign, "u"), *_constant(piece.bias)])
            sign, text = _term(piece.amplitude, relu(moved))
            lines.append(f"score {sign}= {text}{end}")
    return [indent + line for line in lines], with_u


def _described(formula: _Formula, variables: _Variables, kinds: dict[str, str]) -> list[str]:
    """What the arguments are, where that is not plain."""
    told = []
    for column, variable in zip(formula.inputs, variables.inputs):
        kind = kinds.get(column.kind, "") if column.values is not None or column.kind == "boolean" else ""
        named = "" if variable == column.name else f"column {_quoted(column.name)}"
        if kind or named:
            told.append(f"{variable}: " + ", ".join(filter(None, (named, kind))))
    return told


_PYTHON_TAKEN = ("math", "max", "score", "u", "e", "predict")


def _python(formula: _Formula) -> str:
    variables = _variables(formula, _Names(_is_python_word, _PYTHON_TAKEN))
    kinds = {"text": "a str", "category": "a str", "boolean": "a bool"}
    lines = ["import math", "", "", f"def predict({', '.join(variables.inputs)}):"]
    lines += [f"    # Gives {formula.meaning}; lodestone {_core.__version__}."]
    lines += [f"    # {told}" for told in _described(formula, variables, kinds)]
    lines += _python_columns(formula, variables)
    lines += _body(formula, variables, lambda u: f"max({u}, 0.0)", "    ", "",
                   "  # a smooth function of u")[0]
    if formula.family == "logistic":
        lines += [
            "    if score >= 0.0:",
            "        return 1.0 / (1.0 + math.exp(-score))",
            "    e = math.exp(score)",
            "    return e / (1.0 + e)",
        ]
    elif formula.family == "poisson":
        lines += [f"    return math.inf if score > {_LARGEST_EXPONENT} else math.exp(score)"]
    else:
        lines += ["    return score"]
    text = "\n".join(lines) + "\n"
    return text if "math." in text else text.removeprefix("import math\n\n\n")


def _is_python_word(name: str) -> bool:
    return keyword.iskeyword(name)


def _python_columns(formula: _Formula, variables: _Variables) -> list[str]:
    """Lines that make the model's columns of the arguments."""
    used = _uses(formula)
    lines = []
    at = 0
    for column, given in zip(formula.inputs, variables.inputs):
        missing = f"{given} is None or {given} != {given}"
        for i in range(len(column.outputs)):
            variable = variables.columns[at]
            at += 1
            if not used[at - 1] or variable == given:
                continue
            if column.indicated and i == len(column.outputs) - 1:
                value = f"1.0 if {missing} else 0.0"
            elif column.values is None:
                value = f"{_number(column.mean)} if {missing} else {given}"
            else:
                label = column.values[i]
                compared = label if column.kind == "boolean" else ascii(label)
                value = f"1.0 if {given} == {compared} else 0.0"
                if not formula.mean_for_missing:
                    value = f"math.nan if {missing} else {value}"
            lines.append(f"    {variable} = {value}")
    return lines


_C_TAKEN = ("predict", "score", "u", "exp", "fdim", "strcmp", "math_h", "linux", "unix", "i386")
_C_WORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int "
    "long register restrict return short signed sizeof static struct switch typedef union unsigned void "
    "volatile while asm typeof alignas alignof bool catch class constexpr delete explicit export false "
    "friend mutable namespace new noexcept nullptr operator private protected public template this throw "
    "true try typeid typename using virtual and or not xor bitand bitor compl NULL NAN INFINITY DOMAIN SING "
    "OVERFLOW UNDERFLOW PLOSS TLOSS MAXFLOAT X_TLOSS".split()
)


def _is_c_word(name: str) -> bool:
    """Also names that <math.h> defines as macros."""
    return name in _C_WORDS or re.match(r"(M|FP|HUGE|MATH)_|HUGE$", name) is not None


def _c(formula: _Formula) -> str:
    values = [v for one in formula.inputs if one.kind != "boolean" for v in one.values or ()]
    _refuse_nul(values, "C")
    variables = _variables(formula, _Names(_is_c_word, _C_TAKEN))
    texts = [_is_text(column) for column in formula.inputs]
    arguments = [
        ("const char *" if text else "double ") + variable
        for text, variable in zip(texts, variables.inputs)
    ]
    kinds = {"boolean": "0 or 1", "text": "UTF-8", "category": "UTF-8"}
    body, with_u = _body(formula, variables, lambda u: f"fdim({u}, 0.0)", "    ", ";",
                         " /* a smooth function of u */")
    lines = ["#include <math.h>"] + (["#include <string.h>"] if any(texts) else [])
    lines += ["", f"/* Gives {formula.meaning}; lodestone {_core.__version__}."]
    lines += [f"   {told}" for told in _described(formula, variables, kinds)]
    lines[-1] += " */"
    lines += [f"double predict({', '.join(arguments)}) {{"]
    lines += _c_columns(formula, variables)
    lines += ["    double u;"] if with_u else []
    lines += [body[0].replace("score =", "double score =", 1), *body[1:]]
    told = {"logistic": "1.0 / (1.0 + exp(-score))", "poisson": "exp(score)"}
    lines += [f"    return {told.get(formula.family, 'score')};", "}"]
    return "\n".join(lines) + "\n"


def _is_text(column: Column) -> bool:
    return column.values is not None and column.kind != "boolean"


def _c_columns(formula: _Formula, variables: _Variables) -> list[str]:
    """Lines that make the model's columns of the arguments."""
    used = _uses(formula)
    lines = []
    at = 0
    for column, given in zip(formula.inputs, variables.inputs):
        missing = f"{given} == NULL" if _is_text(column) else f"isnan({given})"
        needed = used[at : at + len(column.outputs)]
        if not needed.any():
            lines.append(f"    (void){given};")
        for i in range(len(column.outputs)):
            variable = variables.columns[at]
            at += 1
            if not needed[i] or variable == given:
                continue
            if column.indicated and i == len(column.outputs) - 1:
                value = f"{missing} ? 1.0 : 0.0"
            elif column.values is None:
                value = f"{missing} ? {_number(column.mean)} : {given}"
            else:
                label = column.values[i]
                if column.kind == "boolean":
                    same = f"{given} {'!=' if label == 'True' else '=='} 0.0"
                else:
                    same = f"strcmp({given}, {_c_text(label)}) == 0"
                otherwise = "0.0" if formula.mean_for_missing else "NAN"
                value = f"{missing} ? {otherwise} : {same} ? 1.0 : 0.0"
            lines.append(f"    double {variable} = {value};")
    return lines


def _c_text(text: str) -> str:
    """A string in C: characters other than the printable ones of ASCII as bytes of UTF-8."""
    plain = {ord(c) for c in map(chr, range(32, 127))} - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'
