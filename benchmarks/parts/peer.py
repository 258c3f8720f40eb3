"""One peer computes loss and gradient again and again, in a process of its own:

    python peer.py METHOD SIZE PRECISION THREADS SECONDS

SIZE is n,d,m for a sample step, m,d,k for a population step. The first result is compared with
plain numpy; then the median time is printed as JSON. Status 1 and a line on standard error when it
is wrong. Methods are functions that make a step from the data, so that only the step is timed.
"""

import json
import os
import sys
import time

ALLOWED = {"float64": 1e-9, "float32": 1e-4}


def main():
    method, size, precision, threads, seconds = sys.argv[1:]
    # Before anything loads a thread pool: they read these once.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = threads
    if hasattr(os, "sched_setaffinity"):
        # JAX takes as many threads as it may use processors; it has no setting of its own.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    size = [int(number) for number in size.split(",")]
    problem = "population" if method.startswith("population") else "sample"
    data = (population_data if problem == "population" else sample_data)(size, precision)
    step = METHODS[method](data, precision, int(threads))
    reference = population_numpy_step if problem == "population" else sample_numpy_step
    import numpy as np

    expected = reference(*[np.asarray(array, dtype="float64") for array in data])
    for value, true in zip(step(), expected):
        # Neuron by neuron. In float32, 19 in 20: where an inner product rounds to the other side of 0,
        # one neuron's gradient differs by a whole row.
        difference = np.linalg.norm(np.atleast_2d(np.asarray(value) - true), axis=1)
        error = np.quantile(difference / np.linalg.norm(np.atleast_2d(true), axis=1), 1.0 if precision == "float64" else 0.95)
        if not error <= ALLOWED[precision]:
            sys.exit(f"{method}: differs from numpy by {error:.3g} relative; it is not timed")
    print(json.dumps({"median_seconds": median_time(step, float(seconds))}))


def median_time(step, seconds):
    times = []
    start = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def sample_data(size, precision):
    import numpy as np

    n, d, m = size
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d))
    arrays = X, np.abs(X[:, 0]), random.normal(size=m) / m, random.normal(size=(m, d)) / np.sqrt(d)
    return [array.astype(precision) for array in arrays]


def sample_numpy_step(X, y, a, W):
    """½ mean (f − y)² and its gradient; without the affine part, which peers' users do not fit."""
    import numpy as np

    activations = np.maximum(X @ W.T, 0)
    residual = activations @ a - y
    weighted = residual / len(y)
    moments = ((activations > 0) * weighted[:, None]).T @ X
    return 0.5 * residual @ weighted, activations.T @ weighted, a[:, None] * moments


def torch_loss(X, y, a, W):
    import torch

    return 0.5 * torch.mean((torch.relu(X @ W.T) @ a - y) ** 2)


def torch_arrays(data, threads):
    import torch

    torch.set_num_threads(threads)
    return [torch.from_numpy(array) for array in data]


def torch_autograd(data, threads, wrap):
    import torch

    X, y, a, W = torch_arrays(data, threads)
    a.requires_grad_()
    W.requires_grad_()
    loss_of = wrap(torch_loss)

    def step():
        loss = loss_of(X, y, a, W)
        return (loss.detach(), *torch.autograd.grad(loss, (a, W)))

    return step


def torch_eager(data, precision, threads):
    return torch_autograd(data, threads, lambda function: function)


def torch_compiled(data, precision, threads):
    import torch

    return torch_autograd(data, threads, torch.compile)


def torch_closed_form(data, precision, threads):
    import torch

    X, y, a, W = torch_arrays(data, threads)

    def step():
        activations = torch.relu(X @ W.T)
        residual = activations @ a - y
        weighted = residual / len(y)
        moments = ((activations > 0) * weighted[:, None]).T @ X
        return 0.5 * residual @ weighted, activations.T @ weighted, a[:, None] * moments

    return step


def jax_step(function, data, precision):
    import jax

    jax.config.update("jax_enable_x64", precision == "float64")
    arrays = [jax.numpy.asarray(array) for array in data]
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*arrays))


def jax_closed_form(data, precision, threads):
    import jax.numpy as jnp

    def step(X, y, a, W):
        activations = jnp.maximum(X @ W.T, 0)
        residual = activations @ a - y
        weighted = residual / len(y)
        moments = ((activations > 0) * weighted[:, None]).T @ X
        return 0.5 * residual @ weighted, activations.T @ weighted, a[:, None] * moments

    return jax_step(step, data, precision)


def jax_autograd(data, precision, threads):
    import jax
    import jax.numpy as jnp

    def loss(a, W, X, y):
        return 0.5 * jnp.mean((jnp.maximum(X @ W.T, 0) @ a - y) ** 2)

    def step(X, y, a, W):
        value, gradients = jax.value_and_grad(loss, (0, 1))(a, W, X, y)
        return value, *gradients

    return jax_step(step, data, precision)


def population_data(size, precision):
    import numpy as np

    m, d, k = size
    random = np.random.default_rng(0)
    directions = np.linalg.qr(random.normal(size=(d, k)))[0].T
    arrays = random.normal(size=m) / m, random.normal(size=(m, d)) / np.sqrt(d), directions
    return [array.astype(precision) for array in arrays]


def population_step(xp, a, W, directions):
    """Loss and gradient on the exact population (docs/math.md, 2.3), the teacher's amplitudes 1."""
    norms = xp.sqrt((W**2).sum(axis=1))
    atoms = xp.concatenate([W / norms[:, None], directions])
    weights = xp.concatenate([a * norms, -xp.ones(len(directions))])
    cosines = xp.clip(atoms @ atoms.T, -1, 1)
    sines = xp.sqrt((1 - cosines) * (1 + cosines))
    field = (sines - 1) @ weights
    field = field[:, None] * atoms + (xp.arcsin(cosines) * weights) @ atoms
    field = field / (2 * xp.pi)
    values = (field * atoms).sum(axis=1)
    m = len(a)
    return 0.5 * weights @ values, values[:m] * norms, a[:, None] * field[:m]


def population_numpy_step(a, W, directions):
    import numpy as np

    return population_step(np, a, W, directions)


def population_numpy(data, precision, threads):
    return lambda: population_numpy_step(*data)


def population_jax(data, precision, threads):
    import jax.numpy as jnp

    return jax_step(lambda *arrays: population_step(jnp, *arrays), data, precision)


METHODS = {
    "torch eager": torch_eager,
    "torch closed form": torch_closed_form,
    "torch.compile": torch_compiled,
    "jax closed form": jax_closed_form,
    "jax autograd": jax_autograd,
    "population numpy": population_numpy,
    "population jax": population_jax,
}

if __name__ == "__main__":
    main()
