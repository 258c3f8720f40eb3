#!/usr/bin/env python3
"""An exact referee for numbers that the library calls rigorous (docs/math.md, 6.4).

Draws cases that are hard on rounding, asks the library for its bounds (bounds.cpp, a program that
is built with the tests) and compares them to suprema and minima computed here, in multiprecision,
by code that shares nothing with the library:

  rows in the plane     sup |Σ w_t relu(u·x_t)| by enumeration of kinks: exact
  rows in space         the same, over vertices, edges and cells of the arrangement: exact where no
                        three kinks meet, a lower bound on the supremum elsewhere
  populations           sup |Σ c_q h(∠(u, v_q))| in the plane: critical points of every arc
  η on rows             sup |η| of a network with one input and biases, from its exact residual
  gaps                  P_λ(θ) − min P_λ where the minimum is known: one teacher, one input; or
                        where a better network is, the one without neurons

    tests/referee/referee.py --program build/release/tests/bounds --cases 20000

prints a line for each setting and ends with status 1 if one bound lies below the truth."""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Callable

import mpmath
from mpmath import mp, mpf

# Digits of the arithmetic here. Products of a weight and a norm that lie 400 orders apart still
# have fifty digits in a common sum.
DIGITS = 60
WIDE_DIGITS = 480

TOLERANCES = [10.0**-k for k in range(2, 13)]
# Cells a bound may take: cases whose tolerance is out of reach end here, and must hold as well.
CELLS = 3000
CELLS_IN_SPACE = 1500


@dataclass
class Case:
    """One question to the library, and the exact answer."""

    setting: str
    question: list[str]
    truth: Callable[[], mpf]
    digits: int = DIGITS
    # For gaps: the exact minimum of P_λ, which the reported P_λ − gap must not exceed.
    minimum: Callable[[], mpf] | None = None
    # Which number of the answer is the bound.
    position: int = 1


@dataclass
class Tally:
    cases: int = 0
    violations: int = 0
    # (truth − bound)/truth of the violations
    shortfalls: list[float] = field(default_factory=list)
    # (bound − truth)/truth of the others, where truth > 0; of gaps (bound − truth)/P_λ
    slack: list[float] = field(default_factory=list)


# Rows.

def relu_sum(weights: list[mpf], rows: list[list[mpf]], u: list[mpf]) -> mpf:
    total = mpf(0)
    for w, x in zip(weights, rows):
        z = mp.fdot(u, x)
        if z > 0:
            total += w * z
    return total


def unit(v: list[mpf]) -> list[mpf] | None:
    norm = mp.sqrt(mp.fdot(v, v))
    return [c / norm for c in v] if norm > 0 else None


def slope(weights: list[mpf], rows: list[list[mpf]], u: list[mpf]) -> list[mpf]:
    """Σ w_t x_t over the rows that are on at u."""
    total = [mpf(0)] * len(u)
    for w, x in zip(weights, rows):
        if mp.fdot(u, x) > 0:
            total = [a + w * b for a, b in zip(total, x)]
    return total


def planar_supremum(weights: list[float], rows: list[list[float]]) -> mpf:
    """On an arc between kinks the sum is v·u: its largest absolute value is at an end or at ±v."""
    w = [mpf(c) for c in weights]
    X = [[mpf(c) for c in x] for x in rows]
    kinks = []
    for x in X:
        normal = unit([-x[1], x[0]])
        if normal is not None:
            kinks += [normal, [-normal[0], -normal[1]]]
    if not kinks:
        return mpf(0)
    candidates = list(kinks)
    angles = sorted(mp.atan2(u[1], u[0]) for u in kinks)
    for first, second in zip(angles, angles[1:] + [angles[0] + 2 * mp.pi]):
        if second - first < mpf(10) ** (10 - mp.dps):
            continue  # the same kink twice
        middle = (first + second) / 2
        v = unit(slope(w, X, [mp.cos(middle), mp.sin(middle)]))
        if v is not None:
            candidates += [v, [-v[0], -v[1]]]
    return max(abs(relu_sum(w, X, u)) for u in candidates)


def spatial_supremum(weights: list[float], rows: list[list[float]]) -> mpf:
    """In three dimensions: vertices where two kinks meet, and the maxima of the edges and cells
    around each. Every value is attained."""
    w = [mpf(c) for c in weights]
    X = [[mpf(c) for c in x] for x in rows]
    best = mpf(0)

    def attempt(v: list[mpf]) -> None:
        nonlocal best
        u = unit(v)
        if u is None:
            return
        for sign in (1, -1):
            best = max(best, abs(relu_sum(w, X, [sign * c for c in u])))

    def along(v: list[mpf], x: list[mpf]) -> list[mpf]:
        share = mp.fdot(v, x) / mp.fdot(x, x)
        return [a - share * b for a, b in zip(v, x)]

    nonzero = [x for x in X if any(c != 0 for c in x)]
    for i, x in enumerate(nonzero):
        attempt(x)
        for z in nonzero[:i]:
            vertex = unit([x[1] * z[2] - x[2] * z[1], x[2] * z[0] - x[0] * z[2],
                           x[0] * z[1] - x[1] * z[0]])
            if vertex is None:
                continue
            attempt(vertex)
            others = [(c, y) for c, y in zip(w, X) if y is not x and y is not z]
            for side in (1, -1):
                at = [side * c for c in vertex]
                base = slope([c for c, _ in others], [y for _, y in others], at)
                for on in range(4):
                    v = list(base)
                    for bit, y in ((1, x), (2, z)):
                        if on & bit:
                            c = next(a for a, b in zip(w, X) if b is y)
                            v = [a + c * b for a, b in zip(v, y)]
                    attempt(v)
                    attempt(along(v, x))
                    attempt(along(v, z))
    if len(nonzero) < 2:
        attempt(slope(w, X, [mpf(1), mpf(0), mpf(0)]))
    return best


def text(value: float) -> str:
    return float(value).hex()


def rows_case(setting: str, weights: list[float], rows: list[list[float]], tolerance: float,
              wide: bool) -> Case:
    d = len(rows[0])
    cells = CELLS if d == 2 else CELLS_IN_SPACE
    question = ["rows", text(tolerance), str(cells), str(len(rows)), str(d)]
    for w, x in zip(weights, rows):
        question += [text(w)] + [text(c) for c in x]
    supremum = planar_supremum if d == 2 else spatial_supremum
    return Case(setting, question, lambda: supremum(weights, rows), WIDE_DIGITS if wide else DIGITS)


def direction(draw: random.Random, d: int) -> list[float]:
    v = [draw.gauss(0.0, 1.0) for _ in range(d)]
    norm = math.sqrt(math.fsum(c * c for c in v))
    return [c / norm for c in v]


def affine_free(draw: random.Random, weights: list[float], rows: list[list[float]]) -> list[float]:
    """Weights with Σ w_t x_t = 0 but for rounding, as those of residuals: the sphere is then
    searched by half."""
    d = len(rows[0])
    with mpmath.workdps(80):
        A = mp.matrix(d, d)
        chosen = draw.sample(range(len(rows)), d)
        for j, t in enumerate(chosen):
            for i in range(d):
                A[i, j] = mpf(rows[t][i])
        rest = mp.matrix(d, 1)
        for t, x in enumerate(rows):
            if t not in chosen:
                for i in range(d):
                    rest[i] -= mpf(weights[t]) * mpf(x[i])
        try:
            solved = mp.lu_solve(A, rest)
        except (ZeroDivisionError, TypeError):  # mpmath has both for a singular matrix
            return weights
        result = list(weights)
        for j, t in enumerate(chosen):
            result[t] = float(solved[j])
    return result if all(math.isfinite(w) for w in result) else weights


def drawn_rows(setting: str, draw: random.Random, d: int) -> Case:
    """Rows and weights of one kind; half of them are made affine-free."""
    n = draw.randint(3, 24 if d == 2 else 7)
    rows = [direction(draw, d) for _ in range(n)]
    weights = [draw.gauss(0.0, 1.0) for _ in range(n)]
    tolerance = draw.choice(TOLERANCES)
    wide = False
    if setting == "close":
        # Clusters around a few directions, each as wide as drawn.
        centres = [direction(draw, d) for _ in range(draw.randint(1, 3))]
        for t in range(n):
            width = 10.0 ** draw.uniform(-8, -1)
            centre = draw.choice(centres)
            rows[t] = [c + width * draw.gauss(0.0, 1.0) for c in centre]
    elif setting == "close, one width":
        width = 10.0 ** draw.uniform(-8, -1)
        centre = direction(draw, d)
        rows = [[c + width * draw.gauss(0.0, 1.0) for c in centre] for _ in range(n)]
    elif setting == "cancelling":
        # Second differences: |u·(x + δe)| + |u·(x − δe)| − 2|u·x|, of weight 1/δ.
        rows, weights = [], []
        for _ in range(draw.randint(1, 4)):
            width = 10.0 ** draw.uniform(-8, -1)
            x, e = direction(draw, d), direction(draw, d)
            for j, c in ((-1, 1.0), (0, -2.0), (1, 1.0)):
                rows.append([a + j * width * b for a, b in zip(x, e)])
                weights.append(c / width)
    elif setting == "wide":
        wide = True
        spread = draw.choice([20, 60, 100, 150])
        for t in range(n):
            length = 10.0 ** draw.uniform(-spread, spread)
            rows[t] = [length * c for c in rows[t]]
            weights[t] *= 10.0 ** draw.uniform(-spread, spread)
    elif setting == "wide, products alike":
        wide = True
        for t in range(n):
            exponent = draw.uniform(-100, 100)
            rows[t] = [10.0**exponent * c for c in rows[t]]
            weights[t] *= 10.0**-exponent
    elif setting == "tiny":
        wide = True
        scale = 10.0 ** draw.uniform(-155, -20)
        rows = [[scale * c for c in x] for x in rows]
        weights = [w * 10.0 ** draw.uniform(-150, 0) for w in weights]
    elif setting == "repeated":
        for t in range(1, n):
            if draw.random() < 0.6:
                sign = draw.choice([1.0, -1.0, 2.0])
                rows[t] = [sign * c for c in rows[draw.randrange(t)]]
    elif setting == "on a kink":
        # On the axes and diagonals, where cells are cut.
        for t in range(n):
            rows[t] = [float(draw.choice([-1, 0, 1])) for _ in range(d)]
            if not any(rows[t]):
                rows[t][0] = 1.0
            if draw.random() < 0.3:
                rows[t][0] += 2.0 ** draw.randint(-50, -10)
    elif setting == "one row":
        rows, weights = rows[:1], weights[:1]
    elif setting == "zero":
        # Pairs that cancel exactly, or no weight at all.
        count = draw.randint(1, 6)
        rows = [row for row in rows[:count] for _ in range(2)]
        weights = [sign * w for w in weights[: len(rows) // 2] for sign in (1.0, -1.0)]
        if draw.random() < 0.3:
            weights = [0.0] * len(rows)
    elif setting == "in a plane":
        # Rows of nearly lower rank: directions that a reduction drops.
        width = 10.0 ** draw.uniform(-18, -3)
        for t in range(n):
            rows[t][-1] = width * draw.gauss(0.0, 1.0)
        if draw.random() < 0.3:
            weights = [w * 10.0 ** draw.uniform(-3, 3) for w in weights]
    if setting not in ("one row", "zero") and len(rows) > d and draw.random() < 0.5:
        weights = affine_free(draw, weights, rows)
    return rows_case(f"rows, {'plane' if d == 2 else 'space'}: {setting}", weights, rows, tolerance,
                     wide)


# Populations.

def h(theta: mpf) -> mpf:
    """h at an angle: E of the products of the affine-free parts (docs/math.md, 2.2)."""
    return (mp.sin(theta) + (mp.pi / 2 - theta) * mp.cos(theta) - 1) / (2 * mp.pi)


def angle(u: list[mpf], v: list[mpf]) -> mpf:
    """Kahan's formula, for vectors of any length."""
    p, q = unit(u), unit(v)
    if p is None or q is None:
        return mp.pi / 2
    return 2 * mp.atan2(mp.sqrt(mp.fdot([(a - b) ** 2 for a, b in zip(p, q)], [mpf(1)] * len(p))),
                        mp.sqrt(mp.fdot([(a + b) ** 2 for a, b in zip(p, q)], [mpf(1)] * len(p))))


@dataclass
class Population:
    amplitudes: list[float]
    teachers: list[list[float]]
    a: list[float]
    W: list[list[float]]

    def question(self) -> list[str]:
        result = [str(len(self.teachers)), str(len(self.W)), str(len(self.teachers[0]))]
        for c, v in zip(self.amplitudes + self.a, self.teachers + self.W):
            result += [text(c)] + [text(x) for x in v]
        return result

    def atoms(self) -> tuple[list[mpf], list[list[mpf]]]:
        """f − f_*: weights that include the lengths, and vectors."""
        weights, vectors = [], []
        for sign, numbers, rows in ((-1, self.amplitudes, self.teachers), (1, self.a, self.W)):
            for c, v in zip(numbers, rows):
                vector = [mpf(x) for x in v]
                weights.append(sign * mpf(c) * mp.sqrt(mp.fdot(vector, vector)))
                vectors.append(vector)
        return weights, vectors


def population_supremum(population: Population) -> mpf:
    """In the plane, over angles: every arc between atoms is searched from a grid and its extrema
    are bisected."""
    weights, vectors = population.atoms()
    angles = [mp.atan2(v[1], v[0]) for v in vectors]

    def line(phi: mpf) -> mpf:
        """An angle between lines, within [0, π/2], and the sign of its slope."""
        phi = phi - mp.floor(phi / mp.pi) * mp.pi
        return (phi, 1) if phi <= mp.pi / 2 else (mp.pi - phi, -1)

    def value(phi: mpf) -> mpf:
        return mp.fsum(c * h(line(phi - a)[0]) for c, a in zip(weights, angles))

    def derivative(phi: mpf) -> mpf:
        total = mpf(0)
        for c, a in zip(weights, angles):
            theta, sign = line(phi - a)
            total -= c * sign * (mp.pi / 2 - theta) * mp.sin(theta)
        return total

    ends = sorted(a - mp.floor(a / mp.pi) * mp.pi for a, c in zip(angles, weights) if c != 0)
    if not ends:
        return mpf(0)
    best = mpf(0)
    for first, last in zip(ends, ends[1:] + [ends[0] + mp.pi]):
        # Three points suffice in an arc between close atoms, where g is nearly a cubic.
        count = max(3, int(24 * (last - first)) + 1)
        if last - first < mpf(10) ** (10 - mp.dps):
            best = max(best, abs(value(first)))
            continue
        grid = [first + (last - first) * i / count for i in range(count + 1)]
        slopes = [derivative(phi) for phi in grid]
        best = max(best, abs(value(first)))
        for low, high, at_low, at_high in zip(grid, grid[1:], slopes, slopes[1:]):
            if at_low * at_high > 0:
                continue
            for _ in range(60):
                middle = (low + high) / 2
                at_middle = derivative(middle)
                if at_middle * at_low > 0:
                    low = middle
                else:
                    high = middle
            best = max(best, abs(value((low + high) / 2)))
    return best


def drawn_population(setting: str, draw: random.Random) -> Case:
    k, m = draw.randint(1, 3), draw.randint(0, 5)
    teachers: list[list[float]] = []
    while len(teachers) < k:
        v = direction(draw, 2)
        if all(abs(v[0] * w[1] - v[1] * w[0]) > 1e-3 for w in teachers):
            teachers.append(v)
    amplitudes = [draw.choice([-1, 1]) * draw.uniform(0.5, 1.5) for _ in range(k)]
    a = [draw.gauss(0.0, 1.0) for _ in range(m)]
    W = [direction(draw, 2) for _ in range(m)]
    if setting == "fitted":
        # Students near teachers: what is left is of the order of their distances.
        width = 10.0 ** draw.uniform(-15, -1)
        a, W = [], []
        for c, v in zip(amplitudes, teachers):
            parts = draw.randint(1, 3)
            for _ in range(parts):
                a.append(c / parts * (1 + width * draw.gauss(0.0, 1.0)))
                W.append([x + width * draw.gauss(0.0, 1.0) for x in v])
    elif setting == "cancelling":
        width = 10.0 ** draw.uniform(-6, -1)
        v, e = direction(draw, 2), direction(draw, 2)
        weights = draw.choice([(1, -2, 1), (1, -4, 6, -4, 1), (-1, 3, -3, 1)])
        size = width ** -draw.randint(0, 3)
        a = [size * c for c in weights]
        W = [[x + width * j * y for x, y in zip(v, e)] for j in range(len(weights))]
    elif setting == "wide":
        spread = draw.choice([5, 20, 60])
        a = [c * 10.0 ** draw.uniform(-spread, spread) for c in a]
        W = [[10.0 ** draw.uniform(-spread, spread) * x for x in v] for v in W]
    elif setting == "repeated":
        W = [[draw.choice([-1, 1]) * x for x in draw.choice(teachers)] for _ in range(m)]
    population = Population(amplitudes, teachers, a, W)
    question = ["population", text(draw.choice(TOLERANCES)), str(CELLS)] + population.question()
    return Case(f"population: {setting}", question, lambda: population_supremum(population),
                150 if setting == "wide" else DIGITS)


# Gaps.

def teacher_gap(draw: random.Random) -> Case:
    """One teacher: min P_λ = λa* − λ²/(2h(0)), or ½h(0)a*² where λ is larger than h(0)a*."""
    d = draw.randint(1, 3)
    teacher = direction(draw, d)
    amplitude = draw.choice([-1, 1]) * draw.uniform(0.5, 2.0) * 10.0 ** draw.choice([0, 0, -3, 3])
    h_0 = 0.25 - 0.5 / math.pi
    lam = abs(amplitude) * h_0 * 10.0 ** draw.uniform(-15, 0.1)
    best = math.copysign(max(0.0, abs(amplitude) - lam / h_0), amplitude)
    error = draw.choice([0.0, 10.0 ** draw.uniform(-16, -1)])
    parts = draw.randint(1, 3)
    a = [best / parts * (1 + error * draw.gauss(0.0, 1.0)) for _ in range(parts)]
    W = [[x + error * draw.gauss(0.0, 1.0) for x in teacher] for _ in range(parts)]
    population = Population([amplitude], [teacher], a, W)

    def minimum() -> mpf:
        full = abs(mpf(amplitude)) * mp.sqrt(mp.fdot([mpf(x) ** 2 for x in teacher], [mpf(1)] * d))
        peak = mpf(1) / 4 - 1 / (2 * mp.pi)
        if mpf(lam) >= peak * full:
            return peak * full**2 / 2
        return mpf(lam) * full - mpf(lam) ** 2 / (2 * peak)

    def primal() -> mpf:
        weights, vectors = population.atoms()
        energy = mp.fsum(p * q * h(angle(u, v))
                         for p, u in zip(weights, vectors) for q, v in zip(weights, vectors))
        return energy / 2 + mpf(lam) * mp.fsum(abs(c) for c in weights[1:])

    question = ["teacher-gap", text(lam), "300"] + population.question()
    return Case("gap: one teacher", question, lambda: primal() - minimum(), DIGITS, minimum)


def table_gap(draw: random.Random) -> Case:
    """Rows with one input: relu(x) and relu(−x) are the same feature φ up to a linear function, so
    P_λ is ½E(sφ − y)² + λ|s| at best, a quadratic with a corner."""
    n = draw.randint(5, 30)
    offset = draw.choice([0.0, 0.0, 10.0 ** draw.uniform(0, 9)])
    x = [draw.gauss(0.0, 1.0) + offset for _ in range(n)]
    if offset and draw.random() < 0.5:
        x = [c - offset * draw.choice([0, 1]) for c in x]
    precision = draw.choice(["float64", "float64", "float32"])
    if precision == "float32":
        x = [single(c) for c in x]
    y = [abs(c) * draw.uniform(0, 2) + draw.gauss(0.0, 10.0 ** draw.uniform(-9, 0)) for c in x]
    scale = 10.0 ** draw.choice([0, 0, -4, 4])
    y = [scale * c for c in y]
    weights = [draw.choice([1.0, draw.uniform(0.1, 2.0)]) for _ in range(n)]

    def parts() -> tuple[list[mpf], list[mpf], list[mpf]]:
        """Weights of sum 1, φ and y without their affine parts."""
        total = mp.fsum(mpf(c) for c in weights)
        omega = [mpf(c) / total for c in weights]
        mean = mp.fdot(omega, [mpf(c) for c in x])
        centred = [mpf(c) - mean for c in x]
        variance = mp.fdot(omega, [c * c for c in centred])

        def reduced(values: list[mpf]) -> list[mpf]:
            middle = mp.fdot(omega, values)
            moment = mp.fsum(o * c * v for o, c, v in zip(omega, centred, values))
            tilt = moment / variance if variance else mpf(0)
            return [v - middle - tilt * c for v, c in zip(values, centred)]

        return (omega, reduced([abs(mpf(c)) / 2 for c in x]), reduced([mpf(c) for c in y]))

    with mpmath.workdps(DIGITS):
        omega, phi, target = parts()
        K = mp.fsum(o * p * p for o, p in zip(omega, phi))
        b = mp.fsum(o * p * t for o, p, t in zip(omega, phi, target))
        lam = float(abs(b)) * 10.0 ** draw.uniform(-15, 0.1) or 1e-3
        s = float((abs(b) - lam) / K * mp.sign(b)) if K > mpf(10) ** -40 and abs(b) > lam else 0.0
    error = draw.choice([0.0, 10.0 ** draw.uniform(-16, -1)])
    m = draw.randint(1, 3)
    a = [s / m * (1 + error * draw.gauss(0.0, 1.0)) for _ in range(m)]
    W = [[draw.choice([-1.0, 1.0])] for _ in range(m)]

    def energy(amplitude: mpf) -> mpf:
        return mp.fsum(o * (amplitude * p - t) ** 2 for o, p, t in zip(omega, phi, target)) / 2

    def minimum() -> mpf:
        if K == 0 or abs(b) <= lam:
            return energy(mpf(0))
        best = (abs(b) - mpf(lam)) / K * mp.sign(b)
        return energy(best) + mpf(lam) * abs(best)

    def primal() -> mpf:
        amplitude = mp.fsum(mpf(c) * abs(mpf(w[0])) for c, w in zip(a, W))
        mass = mp.fsum(abs(mpf(c) * mpf(w[0])) for c, w in zip(a, W))
        return energy(amplitude) + mpf(lam) * mass

    question = ["table-gap", text(lam), "300", precision, "0", str(n), str(m), "1"]
    for c, t, value in zip(weights, y, x):
        question += [text(c), text(t), text(value)]
    for c, w in zip(a, W):
        question += [text(c), text(w[0])]
    return Case("gap: one input", question, lambda: primal() - minimum(), DIGITS, minimum)


def single(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def biased_eta(draw: random.Random) -> Case:
    """One input and biases: sup |η| is that of the exact residual over the plane of (x, 1)."""
    n = draw.randint(6, 16)
    width = 10.0 ** draw.choice([0.0, 0.0, draw.uniform(-6, 3)])
    offset = draw.choice([0.0, 0.0, 10.0 ** draw.uniform(0, 4)])
    x = [offset + width * draw.gauss(0.0, 1.0) for _ in range(n)]
    precision = draw.choice(["float64", "float64", "float32"])
    if precision == "float32":
        x = [single(c) for c in x]
    kink = draw.choice(x)
    y = [abs(c - kink) / width + draw.gauss(0.0, 10.0 ** draw.uniform(-6, 0)) for c in x]
    weights = [draw.choice([1.0, draw.uniform(0.1, 2.0)]) for _ in range(n)]
    lam = 10.0 ** draw.uniform(-8, -1)
    m = draw.randint(0, 3)
    a = [draw.gauss(0.0, 1.0) for _ in range(m)]
    W = [[1.0 / width, -draw.choice(x) / width] for _ in range(m)]

    def supremum() -> mpf:
        total = mp.fsum(mpf(c) for c in weights)
        omega = [mpf(c) / total for c in weights]
        r = [mp.fsum(mpf(c) * max(mpf(0), mpf(w[0]) * mpf(e) + mpf(w[1])) for c, w in zip(a, W))
             - mpf(t) for e, t in zip(x, y)]
        mean = mp.fdot(omega, [mpf(c) for c in x])
        centred = [mpf(c) - mean for c in x]
        variance = mp.fdot(omega, [c * c for c in centred])
        middle = mp.fdot(omega, r)
        moment = mp.fsum(o * c * v for o, c, v in zip(omega, centred, r))
        tilt = moment / variance if variance else mpf(0)
        pulls = [o * (v - middle - tilt * c) for o, v, c in zip(omega, r, centred)]
        return planar_supremum(pulls, [[c, 1.0] for c in x]) / mpf(lam)

    question = ["table-gap", text(lam), "3000", precision, "1", str(n), str(m), "1"]
    for c, t, value in zip(weights, y, x):
        question += [text(c), text(t), text(value)]
    for c, w in zip(a, W):
        question += [text(c)] + [text(e) for e in w]
    return Case("eta: one input and biases", question, supremum, DIGITS, None, 2)


def collinear_gap(draw: random.Random) -> Case:
    """Two columns that are nearly the same, and a target that is linear in their difference: the
    network without neurons is at least as good as the one that is asked about is claimed to be."""
    n = draw.randint(8, 30)
    share = 10.0 ** draw.uniform(-10, -1)
    first = [draw.gauss(0.0, 1.0) for _ in range(n)]
    z = [draw.gauss(0.0, 1.0) for _ in range(n)]
    x = [[c, c + share * e] for c, e in zip(first, z)]
    noise = draw.choice([0.0, 10.0 ** draw.uniform(-9, -1)])
    y = [e + noise * draw.gauss(0.0, 1.0) for e in z]
    lam = 10.0 ** draw.uniform(-10, -1)
    m = draw.randint(1, 3)
    a = [draw.gauss(0.0, 1.0) for _ in range(m)]
    W = [direction(draw, 2) for _ in range(m)]

    def energy(values: list[mpf]) -> mpf:
        """½E of the square of what is left of the values by 1, x_1 and x_2."""
        A = mp.matrix(n, 3)
        for t in range(n):
            A[t, 0], A[t, 1], A[t, 2] = 1, mpf(x[t][0]), mpf(x[t][1]) - mpf(x[t][0])
        b = mp.matrix(values)
        left = b - A * mp.lu_solve(A.T * A, A.T * b)
        return mp.fsum(c * c for c in left) / (2 * n)

    def minimum() -> mpf:
        return energy([mpf(c) for c in y])

    def primal() -> mpf:
        f = [mp.fsum(mpf(c) * max(mpf(0), mp.fdot([mpf(e) for e in w], [mpf(e) for e in row]))
                     for c, w in zip(a, W)) for row in x]
        mass = mp.fsum(abs(mpf(c)) * mp.sqrt(mp.fsum(mpf(e) ** 2 for e in w)) for c, w in zip(a, W))
        return energy([p - mpf(q) for p, q in zip(f, y)]) + mpf(lam) * mass

    question = ["table-gap", text(lam), "2000", "float64", "0", str(n), str(m), "2"]
    for target, row in zip(y, x):
        question += [text(1.0), text(target)] + [text(e) for e in row]
    for c, w in zip(a, W):
        question += [text(c)] + [text(e) for e in w]
    return Case("gap: nearly collinear columns", question, lambda: primal() - minimum(), DIGITS,
                minimum)


ROWS = ["generic", "close", "close, one width", "cancelling", "wide", "wide, products alike", "tiny",
        "repeated", "on a kink", "one row", "zero", "in a plane"]
POPULATIONS = ["generic", "fitted", "cancelling", "wide", "repeated"]

# What is drawn, and how often: cases in space and populations cost this referee more.
SETTINGS: list[tuple[float, Callable[[random.Random], Case]]] = (
    [(6.0 if "close" in s or s == "cancelling" else 3.0,
      lambda draw, s=s: drawn_rows(s, draw, 2)) for s in ROWS]
    + [(0.7, lambda draw, s=s: drawn_rows(s, draw, 3)) for s in ROWS]
    + [(0.7, lambda draw, s=s: drawn_population(s, draw)) for s in POPULATIONS]
    + [(4.0, teacher_gap), (4.0, table_gap), (2.0, collinear_gap), (3.0, biased_eta)])


def judge(case: Case, answer: str, tally: Tally, failures: list[dict]) -> None:
    words = answer.split()
    with mpmath.workdps(case.digits):
        truth = case.truth()
        if case.minimum is None:
            bound = mpf(float.fromhex(words[case.position]))
            holds = bound >= truth
        else:
            bound, reported = (mpf(float.fromhex(word)) for word in words[:2])
            holds = bound >= truth and reported - bound <= case.minimum()
        tally.cases += 1
        if not holds:
            tally.violations += 1
            tally.shortfalls.append(float((truth - bound) / truth) if truth != 0 else math.inf)
            failures.append({"setting": case.setting, "question": " ".join(case.question),
                             "answer": answer.strip(), "truth": mp.nstr(truth, 25)})
        elif truth > 0:
            unit = truth if case.minimum is None else reported
            tally.slack.append(float((bound - truth) / unit))


def run(program: str, cases: int, seed: int, wanted: str) -> tuple[dict[str, Tally], list[dict],
                                                                  float]:
    draw = random.Random(seed)
    tallies: dict[str, Tally] = {}
    failures: list[dict] = []
    shares = [share for share, _ in SETTINGS]
    library_seconds = 0.0
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as library:
        done = 0
        while done < cases:
            make = draw.choices(SETTINGS, shares)[0][1]
            case = make(random.Random(draw.getrandbits(64)))
            if wanted not in case.setting:
                continue
            begin = time.perf_counter()
            library.stdin.write(" ".join(case.question) + "\n")
            library.stdin.flush()
            answer = library.stdout.readline()
            library_seconds += time.perf_counter() - begin
            if not answer:
                raise SystemExit(f"{program} died on: {' '.join(case.question)}")
            judge(case, answer, tallies.setdefault(case.setting, Tally()), failures)
            done += 1
        library.stdin.close()
    return tallies, failures, library_seconds


def report(tallies: dict[str, Tally]) -> None:
    print(f"{'setting':36} {'cases':>6} {'below':>6} {'worst':>9}   slack: {'median':>9} {'largest':>9}")
    total = Tally()
    for setting in sorted(tallies):
        tally = tallies[setting]
        line(setting, tally)
        total.cases += tally.cases
        total.violations += tally.violations
        total.shortfalls += tally.shortfalls
        total.slack += tally.slack
    line("all", total)


def line(setting: str, tally: Tally) -> None:
    worst = f"{max(tally.shortfalls):9.1e}" if tally.shortfalls else f"{'-':>9}"
    median = f"{statistics.median(tally.slack):9.1e}" if tally.slack else f"{'-':>9}"
    largest = f"{max(tally.slack):9.1e}" if tally.slack else f"{'-':>9}"
    print(f"{setting:36} {tally.cases:6} {tally.violations:6} {worst}          {median} {largest}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", required=True, help="bounds, as built with the tests")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--setting", default="", help="only settings whose name contains this")
    parser.add_argument("--failures", help="a file for the cases whose bound does not hold")
    options = parser.parse_args()
    begin = time.perf_counter()
    tallies, failures, library_seconds = run(options.program, options.cases, options.seed,
                                             options.setting)
    report(tallies)
    print(f"{time.perf_counter() - begin:.0f} s, the library {library_seconds:.1f} s of these")
    if options.failures:
        with open(options.failures, "w", encoding="utf-8") as file:
            json.dump(failures, file, indent=1)
    for failure in failures[:3]:
        print("below the truth:", failure["setting"], failure["answer"], failure["truth"])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
