"""Known parts of the scores: offsets of the estimators, and the same bits as the command line."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import command_line, quick, quick_classifier, same_bits

import lodestone


def exposed_rows(rows=400, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    log_exposure = random.normal(size=rows)
    rate = 1.5 * np.maximum(0.0, X[:, 0] - X[:, 1]) - 0.5
    return X, random.poisson(np.exp(rate + log_exposure)).astype(float), log_exposure


@pytest.fixture(scope="module")
def exposed():
    return exposed_rows()


@pytest.fixture(scope="module")
def counted(exposed):
    X, y, log_exposure = exposed
    return quick(family="poisson").fit(X, y, offset=pd.Series(log_exposure, name="log_exposure"))


@pytest.mark.parametrize("family", ["square", "poisson", "huber"])
def test_same_bits_as_the_command_line(exposed, family, tmp_path):
    X, y, log_exposure = exposed
    np.save(tmp_path / "table.npy", np.column_stack([X, log_exposure, y]))
    np.save(tmp_path / "rows.npy", np.column_stack([X, log_exposure]))
    command_line(*["fit", "table.npy", 4, "--offset", 3, "--family", family, "--lambdas", 6],
                 *["--lambda-ratio", 0.02, "--out", "run"], cwd=tmp_path)
    model = quick(family=family).fit(X, y, offset=log_exposure)
    told = lodestone.Model.read(tmp_path / "run" / "model.json")
    for part in "alpha beta directions biases amplitudes".split():
        assert same_bits(getattr(told, part), getattr(model.model_, part)), part
    command_line("predict", "run", "rows.npy", "--out", "predicted.npy", cwd=tmp_path)
    expected = model.predict(X, offset=log_exposure)
    assert same_bits(np.load(tmp_path / "predicted.npy").ravel(), expected)
    if family != "poisson":
        command_line(*["predict", "run", "rows.npy", "--interval", 0.8, "--out", "ends.npy"],
                     cwd=tmp_path)
        predicted, ends = model.predict(X, interval=0.8, offset=log_exposure)
        assert same_bits(np.load(tmp_path / "ends.npy"), np.column_stack([predicted, ends]))


def test_predictions_need_it(exposed, counted):
    X, _, log_exposure = exposed
    assert counted.model_.offset == "log_exposure"
    with pytest.raises(ValueError, match="offset.*'log_exposure'"):
        counted.predict(X)
    with pytest.raises(ValueError, match="offset: got 3 numbers"):
        counted.predict(X, offset=log_exposure[:3])
    doubled = counted.predict(X, offset=log_exposure + np.log(2.0))
    assert doubled == pytest.approx(2.0 * counted.predict(X, offset=log_exposure))
    with pytest.raises(ValueError, match="trained without"):
        quick(family="poisson").fit(X, exposed[1]).predict(X, offset=log_exposure)


def test_score_is_beside_the_offset(exposed, counted):
    X, y, log_exposure = exposed
    score = counted.score(X, y, offset=log_exposure)
    assert 0.2 < score < 1.0
    constant = np.log(y.sum() / np.exp(log_exposure).sum())

    def deviance(mean):
        return np.sum(np.where(y > 0, y * np.log(np.maximum(y, 1) / mean), 0) - y + mean)

    best = deviance(np.exp(constant + log_exposure))
    assert score == pytest.approx(1.0 - deviance(counted.predict(X, offset=log_exposure)) / best)
    moved = y + log_exposure
    taken_off = moved - log_exposure
    square = quick().fit(X, moved, offset=log_exposure)
    assert square.score(X, moved, offset=log_exposure) == pytest.approx(
        quick().fit(X, taken_off).score(X, taken_off), abs=1e-12
    )


def test_certificates_know_it(exposed, counted):
    X, y, log_exposure = exposed
    found = lodestone.certify(counted, X, y, offset=log_exposure)
    assert found.loss == pytest.approx(found.loss_as_given, rel=1e-9)
    checked = lodestone.verify(counted, X, y, offset=log_exposure, certificate=found)
    assert not checked.discrepancies
    with pytest.raises(ValueError, match="offset"):
        lodestone.certify(counted, X, y)
    teacher = lodestone.Teacher.random(d=3, k=1, seed=0)
    with pytest.raises(ValueError, match="offset: goes with rows"):
        lodestone.certify(counted, teacher, offset=log_exposure)


def test_classes(exposed):
    X, y, log_exposure = exposed
    classes = np.where(y > 1, "many", "few")
    model = quick_classifier().fit(X, classes, offset=log_exposure)
    moved = model.decision_function(X, offset=log_exposure + 1.0)
    assert moved == pytest.approx(model.decision_function(X, offset=log_exposure) + 1.0)
    probabilities = model.predict_proba(X, offset=log_exposure)
    assert np.exp(model.predict_log_proba(X, offset=log_exposure)) == pytest.approx(probabilities)
    right = model.predict(X, offset=log_exposure) == classes
    assert model.score(X, classes, offset=log_exposure) == right.mean() > 0.7
    with pytest.raises(ValueError, match="offset"):
        model.predict_proba(X)


def test_it_is_kept_by_copies_and_told(exposed, counted):
    X, _, log_exposure = exposed
    for other in (pickle.loads(pickle.dumps(counted)), copy.deepcopy(counted)):
        assert same_bits(other.predict(X, offset=log_exposure),
                         counted.predict(X, offset=log_exposure))
    assert "log_exposure" in counted.summary()


@pytest.mark.parametrize("language", ["sql", "python", "c"])
def test_exports_refuse_it(counted, language):
    with pytest.raises(ValueError, match="offset 'log_exposure'"):
        lodestone.to_formula(counted, language=language)


def test_onnx_refuses_it(counted):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="offset 'log_exposure'"):
        lodestone.to_onnx(counted)


@pytest.mark.parametrize("offset", [[0.0] * 399, [np.nan] * 400, [np.inf] * 400])
def test_what_is_no_offset(exposed, offset):
    X, y, _ = exposed
    with pytest.raises(ValueError, match="offset"):
        quick().fit(X, y, offset=offset)


def test_rows_left_out_take_theirs_along(exposed):
    X, y, log_exposure = exposed
    gap = np.where(np.arange(len(X))[:, None] == [7, -1, -1], np.nan, X)
    kept = np.arange(len(X)) != 7
    first = quick(missing="drop").fit(gap, y, offset=log_exposure)
    other = quick().fit(X[kept], y[kept], offset=log_exposure[kept])
    assert same_bits(first.amplitudes_, other.amplitudes_)
