"""The package and the command line give the same bits for the same rows and options."""

import csv
import json

import numpy as np
import pytest
from conftest import class_rows, command_line, count_rows, quick, same_bits

import lodestone

NUMBERS = "lambda features neurons loss penalized_loss sup_eta gap relative_gap train_error".split()


def lines_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def same_model(first, second):
    parts = "alpha beta directions biases amplitudes center scale target_scale".split()
    return all(same_bits(getattr(first, part), getattr(second, part)) for part in parts)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    X, y = lodestone.Teacher.random(d=4, k=2, seed=3).sample(150, noise=0.2)
    weights = 0.5 + np.arange(150) % 3
    np.save(folder / "table.npy", np.column_stack([X, y, weights]))
    return folder, X, y, weights


@pytest.mark.parametrize(
    "weighted, precision",
    [(False, "float64"), (True, "float64"), (False, "float32")],
    ids=["plain", "weighted", "float32"],
)
def test_fit(table, weighted, precision):
    folder, X, y, weights = table
    out = folder / f"fit-{weighted}-{precision}"
    command_line(
        *["fit", "--data", "table.npy", "--target", 4, "--lambdas", 6, "--lambda-ratio", 0.02],
        *(["--weights", 5] if weighted else ["--exclude", 5]),
        *["--bootstrap", 5, "--seed", 2, "--precision", precision, "--out", out],
        cwd=folder,
    )
    model = quick(bootstrap=5, random_state=2, precision=precision).fit(X, y, sample_weight=weights if weighted else None)
    assert same_model(lodestone.Model.read(str(out / "model.json")), model.model_)
    assert same_model(lodestone.Model.read(str(out / "network.json")), model.network_model_)
    path = lines_of(out / "path.csv")
    for name in NUMBERS:
        assert same_bits([float(line[name]) for line in path], model.path_[name]), name
    tried = lines_of(out / "cross_validation.csv")
    for name in ("lambda", "features", "validation_error", "validation_standard_error", "chosen"):
        assert same_bits([float(line[name]) for line in tried], model.cv_results_[name]), name
    summary = json.loads((out / "summary.json").read_text())
    assert summary["certificate"]["gap"] == model.certificate_.gap
    assert summary["precision"] == precision
    for feature, angle in zip(summary["feature_list"], model.feature_reports_["angle_error_deg"]):
        assert feature["angle_error_deg"] == angle
    np.save(folder / "X.npy", X)
    command_line("predict", out, "X.npy", "--out", out / "predicted.npy", cwd=folder)
    assert same_bits(np.load(out / "predicted.npy").ravel(), model.predict(X))


def test_folds_of_time(table):
    from sklearn.model_selection import TimeSeriesSplit

    folder, X, y, _ = table
    out = folder / "fit-of-time"
    command_line(*["fit", "table.npy", 4, "--lambdas", 6, "--lambda-ratio", 0.02, "--exclude", 5],
                 *["--folds", "time", "--out", out], cwd=folder)
    model = quick(cv=TimeSeriesSplit(5)).fit(X, y)
    assert same_model(lodestone.Model.read(str(out / "model.json")), model.model_)
    tried = lines_of(out / "cross_validation.csv")
    for name in ("lambda", "features", "validation_error", "validation_standard_error", "chosen"):
        assert same_bits([float(line[name]) for line in tried], model.cv_results_[name]), name


def test_classes_of_a_run(tmp_path):
    X, y = class_rows()
    lines = [",".join(map(repr, row.tolist())) + (",yes" if one else ",no") for row, one in zip(X, y)]
    header = ",".join([*(f"x{j}" for j in range(X.shape[1])), "y"])
    (tmp_path / "table.csv").write_text("\n".join([header, *lines]) + "\n")
    command_line("fit", "table.csv", "y", "--family", "logistic", "--lambda", 0.02, "--out", "run",
                 cwd=tmp_path)
    model = lodestone.Model.read(str(tmp_path / "run" / "model.json"))
    assert model.classes == ["no", "yes"]
    own = lodestone.LodestoneClassifier(weight_decay=0.02).fit(X, np.where(y, "yes", "no"))
    assert same_model(model, own.model_)


@pytest.mark.parametrize("family", ["logistic", "poisson", "huber"])
def test_families(family, tmp_path):
    X, y = class_rows() if family == "logistic" else count_rows()
    np.save(tmp_path / "table.npy", np.column_stack([X, y]))
    np.save(tmp_path / "X.npy", X)
    flags = ["--lambdas", 6, "--lambda-ratio", 0.02]
    if family == "logistic":  # folds of classes are dealt in equal shares in Python
        model = lodestone.LodestoneClassifier(weight_decay=0.02, bootstrap=3).fit(X, y)
        flags = ["--lambda", 0.02, "--bootstrap", 3]
    elif family == "poisson":
        model = quick(family="poisson").fit(X, y)
    else:
        model = quick(family="huber", huber_width=0.7).fit(X, y)
        flags += ["--huber-width", 0.7]
    command_line("fit", "--data", "table.npy", "--target", 4, "--family", family, *flags, "--out", "run",
                 cwd=tmp_path)  # fmt: skip
    told = lodestone.Model.read(str(tmp_path / "run" / "model.json"))
    assert same_model(told, model.model_) and told.family == family
    assert same_model(lodestone.Model.read(str(tmp_path / "run" / "network.json")), model.network_model_)
    command_line("predict", "run", "X.npy", "--out", "predicted.npy", cwd=tmp_path)
    predicted = np.load(tmp_path / "predicted.npy").ravel()
    expected = model.predict_proba(X)[:, 1] if family == "logistic" else model.predict(X)
    assert same_bits(predicted, expected)
    if family != "logistic":
        tried = lines_of(tmp_path / "run" / "cross_validation.csv")
        for name in ("lambda", "validation_error", "validation_standard_error", "chosen"):
            assert same_bits([float(line[name]) for line in tried], model.cv_results_[name]), name


def same_history(folder, result):
    for name in ("step", "lambda", "loss", "penalized_loss", "gradient_norm", "neurons"):
        lines = [float(line[name]) for line in lines_of(folder / "history.csv")]
        assert same_bits(lines, result.history[name]), name


def test_train_on_a_population(tmp_path, trained):
    command_line(
        *["train", "--teacher", "random:d=8,k=3,seed=1", "--width", 40, "--out", "run"], cwd=tmp_path
    )
    run = tmp_path / "run"
    same_history(run, trained)
    assert same_model(lodestone.Model.read(str(run / "model.json")), trained.model)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["loss"] == trained.loss
    assert summary["recovery"]["mean_angle_deg"] == trained.recovery.mean_angle_deg
    assert summary["certificate"]["sup_eta"] == trained.certificate.sup_eta
    same_bound(summary["recovery_bound"], trained.recovery_bound)
    teacher = lodestone.Teacher.random(d=8, k=3, seed=1)
    said = json.loads(command_line("certify", "run", "--json", cwd=tmp_path))
    same_bound(said["recovery_bound"], lodestone.certify(trained, teacher).recovery_bound)


def same_bound(said, found):
    """That of a file, which leaves out what is not a number, and that of the package."""
    assert said["angle_deg"] == found.angle_deg > 0.0 and found.reason == ""
    for name, value in vars(found).items():
        assert name == "reason" or said[name] == value, name


def test_train_on_rows(table):
    folder, X, y, _ = table
    command_line(
        *["train", "--data", "table.npy", "--target", 4, "--exclude", 5, "--width", 20],
        *["--stagnation", 0.01, "--lambda-start", 0.05, "--lambda-end", 0.02, "--out", "train"],
        cwd=folder,
    )
    result = lodestone.train(X, y, width=20, stagnation=0.01, weight_decay_start=0.05, weight_decay_end=0.02)
    same_history(folder / "train", result)
    assert same_model(lodestone.Model.read(str(folder / "train" / "model.json")), result.model)
    assert result.test["rows"] == 30
    assert result.recovery_bound is None


def test_certify(table):
    folder, X, y, _ = table
    random = np.random.default_rng(0)
    network = lodestone.Network(random.normal(size=6), random.normal(size=(6, 4)), np.zeros(6))
    np.savez(folder / "net.npz", a=network.a, W=network.W, b=network.b)
    flags = ["--data", "table.npy", "--target", 4, "--exclude", 5, "--standardize", "scale"]
    said = json.loads(command_line("certify", "net.npz", *flags, "--json", cwd=folder))
    found = lodestone.certify(network, X, y, standardize="scale")
    assert said["certificate"]["sup_eta"] == found.certificate.sup_eta
    assert said["certificate"]["gap"] == found.certificate.gap
    assert said["lambda"] == found.weight_decay
    assert said["lambda_source"] == found.weight_decay_source == "tightest"
    assert [neuron["eta"] for neuron in said["neurons"]] == found.neurons["eta"].tolist()


def test_sample_and_teacher(tmp_path):
    description = "random:d=5,k=2,seed=4,amplitudes=0.5:2"
    command_line("sample", "--teacher", description, "--samples", 20, "--noise", 0.3, "--seed", 7,
                 "--out", "rows.npy", cwd=tmp_path)
    teacher = lodestone.Teacher.random(d=5, k=2, seed=4, amplitudes=(0.5, 2))
    X, y = teacher.sample(20, noise=0.3, seed=7)
    assert same_bits(np.load(tmp_path / "rows.npy"), np.column_stack([X, y]))
    teacher.write(tmp_path / "teacher.json")
    again = lodestone.Teacher.read(tmp_path / "teacher.json")
    assert same_bits(again.directions, teacher.directions)


def test_threads_do_not_matter(rows, fitted):
    before = lodestone.threads()
    try:
        for count in (1, 3):
            lodestone.set_threads(count)
            assert lodestone.threads() == count
            assert same_bits(quick().fit(*rows).predict(rows[0]), fitted.predict(rows[0]))
    finally:
        lodestone.set_threads(before)


@pytest.fixture(scope="module")
def wave(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wave")
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    y = np.sin(2.0 * (X[:, 0] + X[:, 1])) + 0.1 * random.normal(size=200)
    np.save(folder / "table.npy", np.column_stack([X, y]))
    return folder, X, y


@pytest.mark.parametrize("shape", ["relu", "smooth", "auto"])
def test_shapes(wave, shape):
    folder, X, y = wave
    command_line("fit", "--data", "table.npy", "--target", 3, "--lambdas", 6, "--lambda-ratio", 0.02,
                 "--shape", shape, "--out", shape, cwd=folder)  # fmt: skip
    model = quick(shape=shape).fit(X, y)
    told = lodestone.Model.read(str(folder / shape / "model.json"))
    assert same_model(told, model.model_) and told.ridges == model.model_.ridges
    assert same_bits(told.predict(X), model.predict(X))
    assert (len(told.ridges) > 0) == (shape != "relu")  # of a sine auto takes the smooth one
    tried = lines_of(folder / shape / "cross_validation.csv")
    assert same_bits([float(line["smooth"]) for line in tried], model.cv_results_["smooth"])
    assert model.cv_results_["smooth"].any() == (shape != "relu")


def test_shapes_that_there_are_not(wave):
    _, X, y = wave
    with pytest.raises(ValueError, match="^shape: got 'round'; must be one of 'relu', 'smooth', 'auto'"):
        quick(shape="round").fit(X, y)


def test_reports_of_smooth_functions(wave):
    folder, X, y = wave
    command_line("fit", "--data", "table.npy", "--target", 3, "--lambdas", 6, "--lambda-ratio", 0.02,
                 "--shape", "smooth", "--bootstrap", 4, "--out", "reports", cwd=folder)  # fmt: skip
    model = quick(shape="smooth", bootstrap=4).fit(X, y)
    listed = json.loads((folder / "reports" / "summary.json").read_text())["feature_list"]
    assert len(listed) == len(model.model_.ridges) > 0
    for name, values in model.feature_reports_.items():
        assert [one[name] for one in listed] == values.tolist(), name
    assert set(listed[0]) == set(model.feature_reports_)
    features = model.features()
    assert len(features) == len(model.amplitudes_) > len(listed)
    assert features["angle_95_deg"].nunique() == len(set(model.feature_reports_["angle_95_deg"].tolist()))
    assert "smooth" in model.summary()
