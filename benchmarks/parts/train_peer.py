"""One peer trains to a given result, in a process of its own:

    python train_peer.py METHOD FOLDER THREADS

FOLDER holds problem.json and, for rows, rows.npy and test.npy (target last). Prints seconds of training,
steps and what was reached as JSON. Reading, packages and the test rows' error are not timed.
"""

import json
import os
import sys
import time
from pathlib import Path


class Clock:
    """Seconds since the start, without those in `outside`."""

    def __init__(self):
        self.begin, self.excluded = time.perf_counter(), 0.0

    def seconds(self):
        return time.perf_counter() - self.begin - self.excluded

    def outside(self, work):
        begin = time.perf_counter()
        result = work()
        self.excluded += time.perf_counter() - begin
        return result


def numpy_population(problem, folder):
    """Algorithm 1 on the exact population."""
    import numpy as np

    from algorithm1 import NumpyPopulation, run

    objective = NumpyPopulation(*(np.array(problem["teacher"][part]) for part in ("directions", "amplitudes")))
    clock = Clock()
    a, W, loss, steps, evaluations = run(
        objective, problem["width"], problem["seed"], problem["lambda_start"],
        problem["tolerance"], problem["epoch_tolerance"], lambda a, W: False,
    )  # fmt: skip
    seconds = clock.seconds()
    angle = largest_angle(a, W, objective.directions)
    return {"seconds": seconds, "steps": steps, "evaluations": evaluations, "loss": loss, "angle": angle}


def largest_angle(a, W, teachers):
    """Degrees between a teacher and the mean of the neurons nearest to it, weighted by mass; the largest."""
    import numpy as np

    masses = np.abs(a) * np.linalg.norm(W, axis=1)
    cosines = W @ teachers.T / np.linalg.norm(W, axis=1, keepdims=True)
    nearest = np.abs(cosines).argmax(axis=1)
    angles = []
    for j, teacher in enumerate(teachers):
        mine = nearest == j
        sides = np.sign(cosines[mine, j])
        units = W[mine] / np.linalg.norm(W[mine], axis=1, keepdims=True)
        mean = (masses[mine] * sides) @ units
        norm = np.linalg.norm(mean)
        angles.append(np.degrees(np.arccos(min(1.0, mean @ teacher / norm))) if norm > 0 else 90.0)
    return float(max(angles))


def read_rows(folder, dtype):
    """Training rows and test rows, the target scaled to unit deviation."""
    import numpy as np

    train, test = (np.load(folder / f"{name}.npy") for name in ("rows", "test"))
    deviation = train[:, -1].std()
    tables = [(table[:, :-1], table[:, -1] / deviation) for table in (train, test)]
    return [tuple(np.ascontiguousarray(part, dtype=dtype) for part in table) for table in tables]


def torch_objective(problem, folder, dtype):
    """The objective on the rows, and the relative error on the test rows of any (a, W)."""
    import torch

    from algorithm1 import TorchRows

    torch.set_num_threads(problem["threads"])
    (X, y), (test_X, test_y) = read_rows(folder, dtype)
    objective = TorchRows(X, y)
    X_, y_, test = torch.from_numpy(X).double(), torch.from_numpy(y).double(), torch.from_numpy(test_X).double()
    design = torch.cat([torch.ones(len(X), 1, dtype=torch.float64), X_], 1)
    target = torch.from_numpy(test_y).double()

    def error(a, W):
        a, W = a.detach().double(), W.detach().double()
        affine = torch.linalg.lstsq(design, (y_ - torch.relu(X_ @ W.T) @ a)[:, None]).solution[:, 0]
        predicted = torch.relu(test @ W.T) @ a + affine[0] + test @ affine[1:]
        return float(((predicted - target) ** 2).mean() / target.var())

    return objective, error


def torch_algorithm1(problem, folder, dtype):
    from algorithm1 import run

    objective, error = torch_objective(problem, folder, dtype)
    objective.evaluate(*first_arrays(objective, problem))  # threads are started before the clock is
    clock = Clock()

    def enough(a, W):
        return clock.outside(lambda: error(a, W)) <= problem["error"]

    a, W, loss, steps, evaluations = run(
        objective, problem["width"], problem["seed"], problem["lambda_start"],
        0.0, problem["epoch_tolerance"], enough, lambda: clock.seconds() > problem["most_seconds"],
    )  # fmt: skip
    seconds = clock.seconds()
    return {"seconds": seconds, "steps": steps, "evaluations": evaluations, "loss": loss, "error": error(a, W)}


def first_arrays(objective, problem):
    from algorithm1 import symmetric_start

    return symmetric_start(objective, problem["width"], problem["seed"])


def torch_lbfgs(problem, folder, dtype):
    """L-BFGS with strong Wolfe line searches on L_λ, warm from one λ of the list to the next."""
    import numpy as np
    import torch

    objective, error = torch_objective(problem, folder, dtype)
    m, random = problem["width"], np.random.default_rng(problem["seed"])
    a = torch.from_numpy(random.normal(size=m).astype(dtype) / m**0.5).requires_grad_()
    W = torch.from_numpy((random.normal(size=(m, objective.d)) / objective.d**0.5).astype(dtype)).requires_grad_()
    objective.evaluate(a.detach(), W.detach())
    clock = Clock()
    evaluations = 0
    reached = float("inf")
    for lam in problem["lambdas"]:
        optimizer = torch.optim.LBFGS([a, W], max_iter=500, line_search_fn="strong_wolfe")

        def closure():
            nonlocal evaluations
            evaluations += 1
            with torch.no_grad():
                loss, a.grad, W.grad = objective.evaluate(a, W)
                a.grad += lam * a
                W.grad += lam * W
                return loss + 0.5 * lam * ((a**2).sum() + (W**2).sum())

        optimizer.step(closure)
        reached = clock.outside(lambda: error(a, W))
        if reached <= problem["error"] or clock.seconds() > problem["most_seconds"]:
            break
    return {"seconds": clock.seconds(), "steps": evaluations, "evaluations": evaluations, "error": reached}


METHODS = {
    "numpy": lambda problem, folder: numpy_population(problem, folder),
    "torch float64": lambda problem, folder: torch_algorithm1(problem, folder, "float64"),
    "torch float32": lambda problem, folder: torch_algorithm1(problem, folder, "float32"),
    "torch L-BFGS float64": lambda problem, folder: torch_lbfgs(problem, folder, "float64"),
    "torch L-BFGS float32": lambda problem, folder: torch_lbfgs(problem, folder, "float32"),
}


def main():
    method, folder, threads = sys.argv[1:]
    # Before anything loads a thread pool: they read these once.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = threads
    folder = Path(folder)
    problem = {**json.loads((folder / "problem.json").read_text()), "threads": int(threads)}
    print(json.dumps(METHODS[method](problem, folder)))


if __name__ == "__main__":
    main()
