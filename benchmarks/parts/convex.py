"""The convex reformulation as a peer: the same objective at the same λ, on small tables.

Lodestone minimizes (docs/math.md, 1.2), over any number of neurons,

    P_λ = 1/(2n) Σ_t (f(x_t) − y_t)² + λ Σ_i |a_i| ‖w_i‖
    f(x) = Σ_i a_i relu(w_i·x) + α + β·x,  α and β free.

pyscnn (Mishkin, Sahiner, Pilanci 2022) draws random gates g_j, takes their activation patterns
D_j = diag(1[X g_j > 0]), and minimizes

    1/(2n) ‖Σ_j D_j X (u_j − v_j) − y‖² + λ Σ_j (‖u_j‖ + ‖v_j‖)
    subject to (2D_j − I) X u_j ≥ 0 and (2D_j − I) X v_j ≥ 0,

which is P_λ over networks whose activation patterns are among those: the same normalization, the
same λ, and ‖u_j‖ is the mass |a|‖w‖ of the neuron that u_j becomes. Two differences remain: its
gates are a sample of all, and it has no free affine part. So

- the target has no affine part either: its least-squares fit on (1, x) is subtracted for everybody,
  which changes nothing for Lodestone and spares pyscnn the neurons to build it;
- pyscnn's network is evaluated in *our* P_λ, with α, β at their best for it: compared with its own
  objective, that can only lower its value;
- its program is also solved with α, β free ("its program with affine part": CVXPY and Clarabel, a
  few lines here), so that its optimum and ours differ by nothing but the gates.

A bias is a constant column, penalized like the others, in both programs. Inputs and target are
standardized once, here; Lodestone's own standardization is then the identity (which is checked).
"""

import json
import tempfile
import time
import warnings
from pathlib import Path

import cvxpy
import numpy as np
import torch
from scnn.activations import compute_activation_patterns, sample_gate_vectors
from scnn.metrics import Metrics
from scnn.models import ConvexReLU
from scnn.optimize import optimize_model
from scnn.regularizers import NeuronGL1
from scnn.solvers import AL, CVXPYSolver

from parts.common import print_table, read_path, say, write_table
from parts.teachers import draw_teacher

TABLES = [(100, 3), (200, 4), (500, 8)]  # rows, columns
BIASES = [False, True]
SHARES = [0.3, 0.03]  # λ / λ_max, as near as the path has it
NOISE = 0.1
LENGTH = 40  # λ values of the path, down to the ratio
RATIO = 0.01


class Problem:
    """A standardized table, and P_λ on it."""

    def __init__(self, rows, columns, bias, seed=0):
        random = np.random.default_rng([rows, columns, seed])
        inputs = random.standard_normal((rows, columns))
        teacher = draw_teacher(columns, 3, seed, orthonormal=False)
        kinks = random.uniform(-0.8, 0.8, size=3) * bias
        target = np.maximum(inputs @ teacher.directions.T + kinks, 0) @ teacher.amplitudes
        target += NOISE * target.std() * random.standard_normal(rows)
        ones = np.ones((rows, 1))
        self.table = _standardized(inputs)
        self.inputs = np.hstack([self.table, ones]) if bias else self.table
        self.affine = np.hstack([ones, self.table])
        self.target = _standardized(self.without_affine_part(target))
        self.name = f"{rows} × {columns}{', biases' if bias else ''}"

    def without_affine_part(self, values):
        """What least squares on (1, x) leaves of a column."""
        return values - self.affine @ np.linalg.lstsq(self.affine, values, rcond=None)[0]

    def objective(self, amplitudes, weights, decay):
        """P_λ of a network, α and β at their best; weights (m × columns, the bias last)."""
        values = np.maximum(self.inputs @ weights.T, 0) @ amplitudes - self.target
        residual = self.without_affine_part(values)
        mass = np.sum(np.abs(amplitudes) * np.linalg.norm(weights, axis=1))
        return 0.5 * np.mean(residual**2) + decay * mass


def _standardized(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def pyscnn(problem, decay, gates, solver):
    """(amplitudes, weights) as pyscnn returns them; solver makes its solver for a model."""
    model = ConvexReLU(sample_gate_vectors(0, problem.inputs.shape[1], gates))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divisions by zero inside pyscnn, which it handles
        network, _ = optimize_model(
            model,
            solver(model),
            Metrics(),
            problem.inputs,
            problem.target,
            regularizer=NeuronGL1(decay),
            unitize_data=False,
            dtype="float64",
            seed=0,
        )
    return np.asarray(network.parameters[1]).ravel(), np.asarray(network.parameters[0])


def with_affine_part(problem, decay, gates):
    """pyscnn's program with α, β free, on the same gates, by an interior-point method."""
    inputs = problem.inputs
    rows, columns = inputs.shape
    patterns, _ = compute_activation_patterns(inputs, sample_gate_vectors(0, columns, gates))
    positive, negative = (cvxpy.Variable((columns, patterns.shape[1])) for _ in range(2))
    affine = cvxpy.Variable(problem.affine.shape[1])
    active = cvxpy.sum(cvxpy.multiply(patterns, inputs @ (positive - negative)), axis=1)
    residual = active + problem.affine @ affine - problem.target
    mass = sum(cvxpy.sum(cvxpy.norm(part, 2, axis=0)) for part in (positive, negative))
    signs = 2 * patterns - 1
    cvxpy.Problem(
        cvxpy.Minimize(cvxpy.sum_squares(residual) / (2 * rows) + decay * mass),
        [cvxpy.multiply(signs, inputs @ part) >= 0 for part in (positive, negative)],
    ).solve(solver=cvxpy.CLARABEL, max_threads=1)
    weights = np.vstack([positive.value.T, negative.value.T])
    amplitudes = np.repeat([1.0, -1.0], patterns.shape[1])
    # An interior point has no zeros: what holds less than a millionth of the largest is one.
    lengths = np.linalg.norm(weights, axis=1)
    kept = lengths > 1e-6 * lengths.max()
    return amplitudes[kept], weights[kept]


# Name, gates, solver: the augmented Lagrangian is pyscnn's own default for ReLU networks.
PEERS = [
    ("pyscnn, augmented Lagrangian", 50, lambda *problem: pyscnn(*problem, AL)),
    (
        "pyscnn, its CVXPY solver",
        50,
        lambda *problem: pyscnn(*problem, lambda m: CVXPYSolver(m, "ecos")),
    ),
    ("its program with affine part", 50, with_affine_part),
    ("its program with affine part", 200, with_affine_part),
]


def nearest_lambdas(path):
    """The path's rows whose λ is nearest, by ratio, to each share of its largest."""
    decays = np.array([row["lambda"] for row in path])
    return [path[np.abs(np.log(decays / (share * decays.max()))).argmin()] for share in SHARES]


def certify(options, problem, files, network, decay):
    """What `lodestone certify` says of a network trained elsewhere: its certificate."""
    amplitudes, weights = network
    arrays = {"a": amplitudes, "W": weights}
    if weights.shape[1] > problem.table.shape[1]:
        arrays = {"a": amplitudes, "W": weights[:, :-1], "b": weights[:, -1]}
    np.savez(files / "network.npz", **arrays)
    where = ["--data", files / "table.csv", "--target", "y", "--lambda", repr(float(decay))]
    summary, _ = options.lodestone("certify", files / "network.npz", *where)
    return summary["certificate"]


def compare(options, variant, flags, problem, files):
    """One variant of Lodestone and every peer: a list of {lambda, value, gap, ..., peers}."""
    bias = problem.inputs.shape[1] > problem.table.shape[1]
    out = files / "fit"
    path_flags = ["--lambdas", LENGTH, "--lambda-ratio", RATIO, "--biases", "on" if bias else "off"]
    where = ["--data", files / "table.csv", "--target", "y", "--test-share", 0]
    _, finished = options.lodestone("fit", *where, *path_flags, *flags, "--out", out, "--overwrite")
    standardization = json.loads((out / "model.json").read_text())["standardization"]
    if not np.allclose(standardization["scale"], 1, rtol=1e-9):
        raise RuntimeError("the table was scaled again: its λ are not the λ of this comparison")
    comparisons = []
    for point in nearest_lambdas(read_path(out)):
        decay = point["lambda"]
        entry = {
            "lambda": decay,
            "value": point["penalized_loss"],
            "gap": point["gap"],
            "kind": point["kind"],
            "features": point["features"],
            "whole_fit_seconds": finished.seconds,
            "peers": {},
        }
        for name, gates, peer in PEERS:
            say(f"convex: {problem.name}: λ = {decay:.3g}: {name}, {gates} gates")
            start = time.perf_counter()
            try:
                network = peer(problem, decay, gates)
            except cvxpy.error.SolverError as error:
                entry["peers"][f"{name}, {gates} gates"] = {"failed": str(error)}
                continue
            seconds = time.perf_counter() - start
            entry["peers"][f"{name}, {gates} gates"] = {
                "value": problem.objective(*network, decay),
                "neurons": len(network[0]),
                "seconds": seconds,
                "certificate": certify(options, problem, files, network, decay),
            }
        comparisons.append(entry)
    return comparisons


def lines_of(problem, comparison):
    """A comparison as lines of the table: Lodestone's, then each peer's."""
    value, gap = comparison["value"], comparison["gap"]
    yield [
        problem.name,
        f"{comparison['lambda']:.4g}",
        "Lodestone",
        f"{value:.8f}",
        f"{gap:.1e} {comparison['kind']}",
        "",
        int(comparison["features"]),
        "",
        f"{comparison['whole_fit_seconds']:.2f} (whole path)",
    ]
    for name, peer in comparison["peers"].items():
        if "failed" in peer:
            yield ["", "", name, "its solver failed", "", "", "", "", ""]
            continue
        certificate = peer["certificate"]
        above = peer["value"] - value
        yield [
            "",
            "",
            name,
            f"{peer['value']:.8f}",
            f"{certificate['gap']:.1e} {certificate['kind']}",
            f"{above:+.1e}",
            peer["neurons"],
            # Ours is never worse by more than our gap; theirs never further off than certified.
            "yes" if above >= -gap and certificate["gap"] >= above - 1e-12 else "NO",
            f"{peer['seconds']:.2f}",
        ]


def run(options):
    """The measurement; returns what is saved."""
    options.lodestone.require("certify")
    torch.set_num_threads(options.threads)
    results = {}
    for variant, flags in options.variants("lodestone"):
        lines = []
        results[variant] = {}
        for rows, columns in TABLES:
            for bias in BIASES:
                problem = Problem(rows, columns, bias)
                with tempfile.TemporaryDirectory() as folder:
                    files = Path(folder)
                    write_table(files / "table.csv", problem.table, problem.target)
                    comparisons = compare(options, variant, flags, problem, files)
                results[variant][problem.name] = comparisons
                for comparison in comparisons:
                    lines += lines_of(problem, comparison)
        print_table(
            f"The convex program, {variant}: P_λ with α, β at their best. 'off by at most' is"
            " the gap that `lodestone certify` gives, 'above' the difference to Lodestone's value."
            " 'holds': Lodestone is not above the peer by more than its own gap, and the peer's"
            " certificate covers how far it is above Lodestone",
            [
                "table",
                "λ",
                "method",
                "P_λ",
                "off by at most",
                "above",
                "neurons",
                "holds",
                "seconds",
            ],
            lines,
        )
    return results
