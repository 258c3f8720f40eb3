"""What a type checker sees of the package: the stub of the compiled part and the annotations of the rest."""

import os
import pathlib
import subprocess
import sys

import lodestone
import pytest

pytest.importorskip("mypy")

USER = """
import lodestone
teacher = lodestone.Teacher.random(d=5, k=2)
X, y = teacher.sample(100)
reveal_type(lodestone.LodestoneRegressor(weight_decay=0.1).fit(X, y).predict(X))
reveal_type(lodestone.LodestoneClassifier().fit(X, y > 0).predict_proba(X))
reveal_type(lodestone.train(teacher))
reveal_type(lodestone.certify(lodestone.Model.read("model.json"), X, y))
reveal_type(lodestone.threads())
lodestone.set_threads("two")
"""


def mypy(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--ignore-missing-imports", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, "MYPYPATH": str(pathlib.Path(lodestone.__file__).parents[1])},
    )  # fmt: skip


def test_types_hold_in_the_package_and_for_its_users(tmp_path):
    package = mypy("-p", "lodestone", folder=tmp_path)
    assert package.returncode == 0, package.stdout
    (tmp_path / "user.py").write_text(USER)
    user = mypy("user.py", folder=tmp_path)
    for seen in ("numpy.ndarray", "TrainResult", "ModelCertificate", '"int"'):
        assert "Revealed type is" in user.stdout and seen in user.stdout, user.stdout
    assert "10: error" in user.stdout and "Found 1 error" in user.stdout, user.stdout
