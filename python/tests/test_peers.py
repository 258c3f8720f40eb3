"""benchmarks/peers.py on two small tables: its rows, and that the program finds the same bits."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import PROGRAM, REPOSITORY, ridge_rows

ENTRIES = {"least-squares": "least squares", "boosting": "gradient boosting"}


@pytest.fixture
def tables(tmp_path):
    for seed, name in enumerate(("first", "second")):
        X, y = ridge_rows(50, 2, seed)
        np.savetxt(tmp_path / f"{name}.csv", np.column_stack([X, y]), delimiter=",",
                   header="a,b,y", comments="")
        split = {"train": list(range(40)), "test": list(range(40, 50))}
        (tmp_path / f"{name}.splits.json").write_text(json.dumps([split, split]))
    return tmp_path


def test_the_table_of_peers(tables):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "benchmarks" / "peers.py", "--check", "--lodestone", PROGRAM,
         "--data-dir", tables, "--only", ",".join(["lodestone", *ENTRIES]), "--splits", "1",
         "--out", tables / "peers.json"],
        capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "the same bits on every split" in done.stdout
    saved = json.loads((tables / "peers.json").read_text())["peers"]
    for name in ("first", "second"):
        means = saved[name]["means"]
        assert set(means) == {*ENTRIES.values(), "LodestoneRegressor", "lodestone"}
        assert means["LodestoneRegressor"]["rmse"] == pytest.approx(means["lodestone"]["rmse"])
        assert len(saved[name]["splits"]) == 1


def test_a_model_that_differs_in_a_bit_is_noticed():
    program = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np, lodestone
from parts.regressor import require_same_bits
X = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [1.5, 1.5], [-2.0, 0.3], [0.7, 4.0]])
model = lodestone.LodestoneRegressor(weight_decay=0.1).fit(X, X[:, 0] + np.maximum(0, X[:, 1]))
require_same_bits(model, model.model_, X)
model.intercept_ = np.nextafter(model.intercept_, np.inf)
try:
    require_same_bits(model, model.model_, X)
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, REPOSITORY / "benchmarks"],
                          capture_output=True, text=True, timeout=120)
    assert done.stdout == "LodestoneRegressor and the program differ in their alpha\n", done.stderr
