"""Teachers, networks, objectives, certificates and the verifier."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import ridge_rows, same_bits
from sklearn.neural_network import MLPRegressor

import lodestone
from lodestone import Network, PopulationObjective, SampleObjective, Teacher, certify, verify


def random_network(m, d, *, biases=False, seed=0):
    random = np.random.default_rng(seed)
    b = random.normal(size=m) if biases else None
    return Network(random.normal(size=m), random.normal(size=(m, d)), b)


# ---- teachers


def test_teachers_are_scaled_and_checked():
    teacher = Teacher([[3.0, 4.0], [1.0, 0.0]], [1, -2])
    assert teacher.directions[0] == pytest.approx([0.6, 0.8])
    assert teacher.amplitudes.tolist() == [5.0, -2.0]
    assert (teacher.neurons, teacher.dimension) == (2, 2)
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert teacher.predict(X) == pytest.approx([3.0 - 2.0, 4.0])
    with pytest.raises(ValueError, match="read-only"):
        teacher.directions[0, 0] = 1.0
    copy = pickle.loads(pickle.dumps(teacher))
    assert same_bits(copy.directions, teacher.directions)


def test_samples_have_the_variance_they_should():
    teacher = Teacher.random(d=4, k=2, seed=5)
    X, y = teacher.sample(4000, seed=1)
    assert y == pytest.approx(teacher.predict(X), rel=1e-12)
    assert np.var(y) == pytest.approx(teacher.target_variance, rel=0.1)
    assert same_bits(teacher.sample(10, seed=1)[0], X[:10])
    assert teacher.early_condition_number >= 1


@pytest.mark.parametrize(
    "directions, amplitudes, says",
    [
        ([[0.0, 0.0]], [1.0], "zero"),
        ([[1.0, 0.0]], [0.0], "zero"),
        ([[1.0, 0.0], [-2.0, 0.0]], [1.0, 1.0], "parallel"),
        ([[1.0, np.nan]], [1.0], "finite"),
        ([[1.0, 0.0]], [1.0, 2.0], "amplitudes"),
        ([1.0, 0.0], [1.0], "directions: got shape"),
    ],
)
def test_bad_teachers_are_refused(directions, amplitudes, says):
    with pytest.raises(ValueError, match=says):
        Teacher(directions, amplitudes)


def test_bad_random_teachers_are_refused(tmp_path):
    for arguments in ({"d": 0}, {"min_angle": 90}, {"signs": "none"}, {"d": 2, "k": 9}, {"r": 5}):
        with pytest.raises(ValueError):
            Teacher.random(**{"d": 4, "k": 3, **arguments})
    for arguments in ({"d": None}, {"k": 2.5}, {"r": "2"}, {"seed": True}):
        with pytest.raises(TypeError, match=f"{next(iter(arguments))}: got .*; must be an integer"):
            Teacher.random(**{"d": 4, "k": 3, **arguments})
    with pytest.raises(ValueError, match="samples: got 0"):
        Teacher.random().sample(0)
    with pytest.raises(OSError, match="nowhere.json"):
        Teacher.read(tmp_path / "nowhere.json")


# ---- networks


def test_networks_predict_balance_and_merge():
    network = Network([2.0, -1.0], [[1.0, 0.0], [0.0, 3.0]], [0.5, 0.0], alpha=1.0, beta=[0.0, 1.0])
    X = np.array([[1.0, 2.0], [-1.0, -1.0]])
    assert network.predict(X) == pytest.approx([1 + 2 + 3.0 - 6, 1 - 1])
    balanced = network.balanced()
    assert balanced.predict(X) == pytest.approx(network.predict(X))
    assert balanced.squared_norm == pytest.approx(2 * network.masses.sum())
    assert np.abs(balanced.a) == pytest.approx(np.linalg.norm(balanced.weights, axis=1))
    twins = Network([1.0, 1.0], [[1.0, 0.0], [1.0, 1e-4]])
    assert twins.merged(1.0).width == 1
    assert twins.merged(1.0).masses.sum() == pytest.approx(twins.masses.sum())
    assert same_bits(pickle.loads(pickle.dumps(network)).W, network.W)


@pytest.mark.parametrize(
    "parts, says",
    [
        (dict(a=[1.0], W=[[1.0], [2.0]]), "a: got 1 numbers"),
        (dict(a=[1.0], W=[1.0]), "W: got shape"),
        (dict(a=[1.0], W=[[1.0]], b=[1.0, 2.0]), "b: got 2 numbers"),
        (dict(a=[1.0], W=[[1.0]], beta=[1.0, 2.0]), "beta: got 2 numbers"),
        (dict(a=[np.inf], W=[[1.0]]), "a: got nan or infinity"),
        (dict(a=[1.0], W=[[1.0]], alpha=np.nan), "alpha: got nan"),
        (dict(a=[1j], W=[[1.0]]), "a: got complex"),
    ],
)
def test_bad_networks_are_refused(parts, says):
    with pytest.raises(ValueError, match=says):
        Network(**parts)


def test_networks_of_scikit_learn():
    X, y = ridge_rows(80)
    regressor = MLPRegressor(hidden_layer_sizes=(7,), max_iter=50, random_state=0)
    with pytest.warns(UserWarning):
        regressor.fit(X, y)
    network = Network.of(regressor)
    assert network.width == 7
    assert network.predict(X) == pytest.approx(regressor.predict(X), rel=1e-12)
    for wrong, says in (
        (MLPRegressor(hidden_layer_sizes=(3, 3), max_iter=2), "hidden layers"),
        (MLPRegressor(hidden_layer_sizes=(3,), activation="tanh", max_iter=2), "activation: got 'tanh'"),
    ):
        with pytest.warns(UserWarning):
            wrong.fit(X, y)
        with pytest.raises(ValueError, match=says):
            Network.of(wrong)


def test_networks_of_torch_state_dicts():
    """State dicts hold tensors or arrays; the names of the layers are free."""
    random = np.random.default_rng(0)
    state = {
        "net.0.weight": random.normal(size=(5, 3)),
        "net.0.bias": random.normal(size=5),
        "net.2.weight": random.normal(size=(1, 5)),
        "net.2.bias": np.array([0.5]),
    }
    X = random.normal(size=(4, 3))
    hidden = np.maximum(0.0, X @ state["net.0.weight"].T + state["net.0.bias"])
    by_hand = hidden @ state["net.2.weight"][0] + 0.5
    assert Network.of(state).predict(X) == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="got 1 layers"):
        Network.of({"0.weight": np.ones((1, 3))})
    with pytest.raises(ValueError, match="got 2 outputs"):
        Network.of({"0.weight": np.ones((4, 3)), "2.weight": np.ones((2, 4))})
    with pytest.raises(TypeError, match="got int"):
        Network.of(3)


# ---- objectives


@pytest.mark.parametrize("kind", ["population", "sample", "biases"])
def test_gradients_agree_with_differences(kind):
    teacher = Teacher.random(d=4, k=2, seed=0)
    network = random_network(5, 4, biases=kind == "biases")
    objective = (
        PopulationObjective(teacher)
        if kind == "population"
        else SampleObjective(*teacher.sample(300), biases=kind == "biases")
    )
    found = objective.evaluate(network)
    assert found.loss == pytest.approx(objective.loss(network))
    assert found.gradient_W.shape == (5, objective.dimension)
    h = 1e-6

    def moved(i, j, by):
        weights = network.weights.copy()
        weights[i, j] += by
        b = weights[:, 4] if kind == "biases" else None
        return objective.loss(Network(network.a, weights[:, :4], b))

    for i, j in ((0, 0), (3, 2), (4, objective.dimension - 1)):
        difference = (moved(i, j, h) - moved(i, j, -h)) / (2 * h)
        assert found.gradient_W[i, j] == pytest.approx(difference, abs=1e-4)


def test_objectives_against_their_definition():
    X, y = ridge_rows()
    objective = SampleObjective(X, y)
    network = random_network(4, 3)
    alpha, beta = objective.affine(network)
    residual = np.maximum(0, X @ network.W.T) @ network.a + alpha + X @ beta - y
    assert objective.loss(network) == pytest.approx(0.5 * np.mean(residual**2))
    U = np.eye(3)
    values, gradients = objective.correlate(network, U)
    assert values == pytest.approx(np.mean(residual[:, None] * np.maximum(0, X), axis=0))
    assert np.sum(U * gradients, axis=1) == pytest.approx(values)
    K, b = objective.feature_gram(U)
    assert K.shape == (3, 3) and b.shape == (3,)
    nothing = Network(np.zeros(0), np.zeros((0, 3)))
    assert objective.null_loss == pytest.approx(objective.loss(nothing), rel=1e-12)
    assert objective.penalized_loss(network, 0.1) == pytest.approx(
        objective.loss(network) + 0.05 * network.squared_norm
    )


def test_certificates_of_objectives():
    objective = PopulationObjective(Teacher.random(d=3, k=2, seed=0))
    largest = objective.largest_weight_decay()
    nothing = Network(np.zeros(0), np.zeros((0, 3)))
    found = objective.certificate(nothing, largest, rigorous=True)
    assert found.kind == "rigorous"
    assert found.sup_eta == pytest.approx(1.0, rel=1e-3)
    assert found.cells > 0


def test_bad_calls_to_objectives_are_refused():
    teacher = Teacher.random(d=4, k=2)
    population = PopulationObjective(teacher)
    X, y = ridge_rows()
    for call, says in (
        (lambda: population.evaluate(random_network(2, 3)), "dimension|4|columns"),
        (lambda: population.evaluate(random_network(2, 4, biases=True)), "has none"),
        (lambda: SampleObjective(X, y, biases=True).loss(random_network(2, 3)), "has them"),
        (lambda: population.correlate(random_network(2, 4), np.ones((2, 3))), "directions: got 3"),
        (lambda: population.feature_gram(np.full((2, 4), np.nan)), "nan or infinity"),
        (lambda: population.certificate(random_network(2, 4), 0.0), "lambda"),
        (lambda: SampleObjective(X, y[:-1]), "59"),
        (lambda: SampleObjective(X, y, -np.ones(60)), "weights"),
        (lambda: SampleObjective(X[:3], y[:3]), "interpolate"),
        (lambda: SampleObjective(X, np.where(y > 2, np.inf, y)), "infinity"),
    ):
        with pytest.raises(ValueError, match=says):
            call()
    with pytest.raises(TypeError, match="must be a lodestone.Network"):
        population.loss(np.ones((2, 4)))


# ---- certificates and the verifier


def test_certificate_of_a_run_is_verified(trained, teacher):
    found = certify(trained, teacher)
    assert found.weight_decay_source == "model"
    assert found.weight_decay == trained.weight_decay
    assert found.loss == pytest.approx(trained.loss, rel=1e-6)
    assert len(found.neurons["eta"]) <= 40
    second = verify(trained, teacher, certificate=found)
    assert second.discrepancies == ()
    assert second.recovery.recovered == 3
    assert second.loss == pytest.approx(found.loss, rel=1e-6)


def test_a_false_certificate_is_contradicted(trained, teacher):
    from dataclasses import replace

    found = certify(trained, teacher)
    lie = replace(found, loss=0.5 * found.loss)
    fields = [item.field for item in verify(trained, teacher, certificate=lie).discrepancies]
    assert any("loss" in field for field in fields)


@pytest.mark.parametrize("standardize", [None, "scale", "whiten"])
def test_networks_from_elsewhere_are_judged(standardize):
    X, y = ridge_rows(100)
    network = random_network(3, 3, biases=True)
    found = certify(network, X, y, standardize=standardize)
    assert found.weight_decay_source == "tightest"
    assert found.certificate.sup_eta > 0
    assert found.recovery_bound is None
    assert found.penalized_loss == pytest.approx(found.loss + found.weight_decay * found.mass)
    assert verify(network, X, y, certificate=found).discrepancies == ()
    at = certify(network, X, y, standardize=standardize, weight_decay=0.3)
    assert (at.weight_decay, at.weight_decay_source) == (0.3, "given")


def test_a_fitted_regressor_is_judged_by_its_penalized_network(fitted, rows):
    found = certify(fitted, *rows)
    assert found.weight_decay == fitted.weight_decay_
    assert found.certificate.gap == pytest.approx(fitted.certificate_.gap, rel=1e-6)
    assert verify(fitted, *rows, certificate=found).discrepancies == ()


def test_rigorous_bounds_are_above_what_is_attained(trained, teacher):
    found = certify(trained, teacher, rigorous=True, max_cells=20_000)
    assert found.certificate.kind == "rigorous"
    assert found.certificate.sup_eta >= found.certificate.sup_eta_lower
    assert found.certificate.cells > 0


def test_bad_certify_calls_are_refused(trained, teacher, fitted, rows):
    X, y = rows
    for call, says in (
        (lambda: certify(trained, X, y), "8|columns"),
        (lambda: certify(fitted, X), "^y: got None"),
        (lambda: certify(fitted, teacher), "population of a teacher has neither"),
        (lambda: certify(trained, teacher, y), "^y: goes with rows"),
        (lambda: certify(fitted, X, y, weight_decay=0.0), "^weight_decay: got 0; must be positive"),
        (lambda: certify(fitted, X, y, standardize="scale"), "brings its own"),
        (lambda: certify(fitted, X, y, tolerance=0.0), "^tolerance: "),
        (lambda: certify(fitted, X, y[:-1]), "^y: got 59"),
        (lambda: verify(random_network(2, 3), X, y), "does not say"),
        (lambda: verify(fitted, X, y, weight_decay=-1.0), "^weight_decay: "),
        (lambda: verify(fitted, X, y, searches=-1), "searches"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


# ---- models


def test_models_refuse_what_does_not_fit(fitted, tmp_path):
    model = fitted.model_
    for X, error in ((np.ones((2, 4)), ValueError), (np.ones(3), TypeError), ("rows", TypeError)):
        with pytest.raises(error):
            model.predict(X)
        with pytest.raises(error):
            model.features(X)
    with pytest.raises(OSError, match="nowhere"):
        lodestone.Model.read(str(tmp_path / "nowhere.json"))
    with pytest.raises(OSError, match="nowhere"):
        model.write(str(tmp_path / "nowhere" / "model.json"))
    for path, error in (("a\0b", ValueError), (b"a\0b", ValueError), (None, TypeError), (3.0, TypeError)):
        for call in (model.write, lodestone.Model.read, lodestone.Model.read_network):
            with pytest.raises(error):
                call(path)
    model.write(tmp_path / "model.json")
    assert lodestone.Model.read(os.fsencode(tmp_path / "model.json")).columns == model.columns
    with pytest.raises(TypeError):
        lodestone.Model()


def test_models_are_copied_and_pickled(fitted, rows):
    import copy

    for other in (copy.deepcopy(fitted.model_), pickle.loads(pickle.dumps(fitted.model_))):
        assert same_bits(other.predict(rows[0]), fitted.predict(rows[0]))
        assert other.columns == fitted.model_.columns
        assert other.weight_decay == fitted.weight_decay_


def test_damaged_states_are_refused(fitted):
    state = fitted.model_.__getstate__()
    short = [(position, state[position][:-1]) for position in (9, 10, 11)]
    for position, value in ((5, np.ones((2, 2))), (4, np.ones(9)), (0, ["a"]), *short):
        damaged = list(state)
        damaged[position] = value
        model = lodestone.Model.__new__(lodestone.Model)
        with pytest.raises(ValueError):
            model.__setstate__(tuple(damaged))


# ---- several outputs


@pytest.fixture(scope="module")
def shared_rows():
    random = np.random.default_rng(0)
    X = random.standard_normal((300, 3))
    hidden = np.maximum(X @ [[1.0, 0.5], [1.0, -1.0], [0.0, 0.7]], 0.0)
    return X, hidden @ random.standard_normal((2, 3)) + 0.3 * random.standard_normal((300, 3))


@pytest.mark.parametrize("classes", [False, True])
def test_several_outputs_are_verified(shared_rows, classes):
    X, Y = shared_rows
    y = np.array(["ada", "bea", "cia"])[Y.argmax(axis=1)] if classes else Y
    estimator = lodestone.LodestoneClassifier if classes else lodestone.LodestoneRegressor
    fitted = estimator(weight_decays=6, weight_decay_ratio=0.05).fit(X, y)
    second = verify(fitted, X, y)
    assert second.weight_decay == fitted.network_model_.weight_decay
    assert second.loss_as_given == pytest.approx(second.loss, rel=1e-9)
    np.testing.assert_allclose(second.neuron_eta, 1, atol=2e-2)
    assert second.sup_eta <= fitted.certificate_.sup_eta * (1 + 1e-4)
    assert second.gap <= fitted.certificate_.gap * (1 + 1e-3)
    network = fitted.network_model_
    if classes:
        own = network.predict(X)[np.arange(len(X)), Y.argmax(axis=1)]
        ridge = 0.5 * network.linear_ridge * np.sum((network.beta * X.std(axis=0)) ** 2)
        assert second.loss_as_given == pytest.approx(np.mean(-np.log(own)) + ridge, rel=1e-9)
    else:
        errors = (network.predict(X) - Y) / Y.std(axis=0)
        assert second.loss_as_given == pytest.approx(0.5 * np.mean(np.sum(errors**2, axis=1)), rel=1e-9)
        assert verify(fitted, X, pd.DataFrame(Y)).loss == second.loss
        with pytest.raises(ValueError, match="targets: got 2 columns; the model has 3 outputs"):
            verify(fitted, X, Y[:, :2])
