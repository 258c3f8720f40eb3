"""LodestoneRegressor on the splits of real tables, and whether the program finds the same bits."""

import time

import numpy as np

import lodestone
from parts.tables import by_program, rmse


def by_regressor(options, folder, target, train, test):
    """As `by_program`, from Python; with --check the program runs too and must give the same model."""
    if not options.wants("lodestone"):
        return {}
    lodestone.set_threads(options.threads)
    start = time.perf_counter()
    model = lodestone.LodestoneRegressor().fit(*train)
    predictions = model.predict(test[0])
    result = {
        "rmse": rmse(predictions, test[1]),
        "seconds": time.perf_counter() - start,
        "features": len(model.amplitudes_),
    }
    if not options.check:
        return {"LodestoneRegressor": result}
    others = by_program(options, folder, target, train, test)
    for name in others:
        require_same_bits(model, lodestone.Model.read(str(folder / name / "model.json")), test[0])
    return {"LodestoneRegressor": result, **others}


def require_same_bits(model, other, inputs):
    """Raises RuntimeError unless both models have the same numbers and predictions, to the last bit."""
    pairs = {
        "alpha": (model.intercept_, other.alpha),
        "beta": (model.coef_, other.beta),
        "amplitudes": (model.amplitudes_, other.amplitudes),
        "directions": (model.directions_, other.directions),
        "biases": (model.biases_, other.biases),
        "predictions": (model.predict(inputs), other.predict(inputs)),
    }
    for name, (ours, theirs) in pairs.items():
        if np.asarray(ours).tobytes() != np.asarray(theirs).tobytes():
            raise RuntimeError(f"LodestoneRegressor and the program differ in their {name}")
