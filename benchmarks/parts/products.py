"""What goes through matrix products (Gram matrices, ridges, predictions) beside BLAS libraries.

As a program, `products.py LIBRARY SECONDS` times products in one library: `numpy` for
the one inside numpy, else the path of a shared library with CBLAS names.
"""

import ctypes
import json
import os
import statistics
import sys
import time

import numpy as np

# Rows, depth, columns.
CUBE = (2048, 2048, 2048)
NARROW = (100_000, 20, 40)

DEBIAN = "/usr/lib/x86_64-linux-gnu"
OPENBLAS = f"{DEBIAN}/openblas-pthread/libopenblas.so.0"
BLIS = f"{DEBIAN}/blis-pthread/libblis.so.4"


def has_avx512():
    """Whether SkylakeX's kernels run on this processor; elsewhere they end the process."""
    with open("/proc/cpuinfo") as file:
        return "avx512f" in file.read()


def libraries(threads):
    """Name -> (library, environment) of those that are there. OpenBLAS chooses kernels by a list of
    processor names; other core types show what it would do had it known this one. Where Lodestone is
    held to AVX2, OpenBLAS is too, and BLIS, which Debian's build cannot hold, is left out."""
    counts = {"OPENBLAS_NUM_THREADS": str(threads), "BLIS_NUM_THREADS": str(threads)}
    cores = ("SkylakeX", "Haswell") if has_avx512() else ("Haswell",)
    held = os.environ.get("LODESTONE_INSTRUCTIONS") == "AVX2"
    if held:
        counts["OPENBLAS_CORETYPE"] = "Haswell"
        cores = ()
    found = {"numpy's": ("numpy", counts)}
    if os.path.exists(OPENBLAS):
        found["OpenBLAS"] = (OPENBLAS, counts)
        for core in cores:
            found[f"OpenBLAS {core}"] = (OPENBLAS, {**counts, "OPENBLAS_CORETYPE": core})
    if os.path.exists(BLIS) and not held:
        found["BLIS"] = (BLIS, counts)
    return found


def product_of(library, A, B, C):
    if library == "numpy":
        return lambda: np.matmul(A, B, out=C)
    single = A.dtype == np.float32
    gemm = getattr(ctypes.CDLL(library), "cblas_sgemm" if single else "cblas_dgemm")
    real = ctypes.c_float if single else ctypes.c_double
    a, b, c = [matrix.ctypes.data_as(ctypes.c_void_p) for matrix in (A, B, C)]
    rows, depth = A.shape
    columns = B.shape[1]
    row_major, as_it_is = 101, 111
    return lambda: gemm(
        row_major, as_it_is, as_it_is, rows, columns, depth, real(1), a, depth, b, columns,
        real(0), c, columns,
    )  # fmt: skip


def rate(library, shape, precision, seconds):
    """Median GF/s of products of a shape (rows, depth, columns), after a check of the first rows."""
    rows, depth, columns = shape
    random = np.random.default_rng(0)
    A = random.standard_normal((rows, depth)).astype(precision)
    B = random.standard_normal((depth, columns)).astype(precision)
    C = np.zeros((rows, columns), precision)
    multiply = product_of(library, A, B, C)
    multiply()
    exact = A[:4].astype(np.float64) @ B.astype(np.float64)
    assert np.abs(C[:4] - exact).max() < (1e-2 if precision == "float32" else 1e-10)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - start)
    return 2 * rows * depth * columns / statistics.median(times) / 1e9


def rates(library, seconds):
    """By shape and precision: cubes, which say what a library can do, and what narrow predictions
    multiply, which is bound by memory."""
    wanted = [(CUBE, "float32"), (CUBE, "float64"), (NARROW, "float64")]
    return {
        f"{shape} {precision}": rate(library, shape, precision, seconds / len(wanted))
        for shape, precision in wanted
    }


def ours(measurements):
    """GF/s by (case, size, precision); stage 2 is the Gram matrix and its ridges together."""
    result = {}
    gram = {}
    for one in measurements:
        size = ", ".join(str(number) for number in one["size"].values())
        case = "ridges" if "decays" in one["size"] else one["case"]
        result[case, size, one["precision"]] = one["gigaflops"]
        if one["case"] == "gram":
            flops = one["gigaflops"] * one["median_seconds"]
            total = gram.setdefault(one["size"]["m"], [size, 0.0, 0.0])
            total[1] += flops
            total[2] += one["median_seconds"]
    for size, flops, seconds in gram.values():
        result["stage 2", size, "float64"] = flops / seconds
    return result


def beside(options, run):
    """A line for each case: our rate, that of the best library beside it, and the median over turns
    of their ratio. run(command, environment) gives a child's output."""
    turns = []
    for _ in range(options.pairs):
        report, _ = options.lodestone(
            "bench", "--case", "peak,gram,predict", "--precision", "both", "--seconds", options.seconds
        )
        mine = ours(report["measurements"])
        theirs = {}
        for name, (library, environment) in libraries(options.threads).items():
            command = [sys.executable, __file__, library, options.seconds]
            theirs[name] = json.loads(run(command, {**os.environ, **environment}))
        turns.append((mine, theirs))
    lines = []
    # Narrow predictions beside the product within them too: relu and amplitudes come on top.
    narrow = ("predict", ", ".join(map(str, (NARROW[0], NARROW[1], NARROW[2]))), "float64")
    pairs = [(key, CUBE) for key in turns[0][0]] + [(narrow, NARROW)]
    for key, shape in pairs:
        product = f"{shape} {key[2]}"
        best = [max(theirs, key=lambda name: theirs[name][product]) for _, theirs in turns]
        rivals = [theirs[name][product] for name, (_, theirs) in zip(best, turns)]
        own = [mine[key] for mine, _ in turns]
        lines.append(
            {
                "case": key[0],
                "size": key[1],
                "precision": key[2],
                "product": shape,
                "gigaflops": statistics.median(own),
                "best_library": statistics.mode(best),
                "best_gigaflops": statistics.median(rivals),
                "ratio": statistics.median(a / b for a, b in zip(own, rivals)),
            }
        )
    return lines


if __name__ == "__main__":
    print(json.dumps(rates(sys.argv[1], float(sys.argv[2]))))
