"""certify: how far a model is from the optimum, for runs and for networks trained elsewhere."""

import json
import math

import numpy as np
import pytest
from conftest import NAMES, TEACHER, certified, read_json, ridge_table, verified, write_csv

H0 = 0.25 - 0.5 / math.pi


def one_teacher(folder, amplitude=1.0):
    (folder / "teacher.json").write_text(
        json.dumps({"directions": [[0.6, 0.0, -0.8]], "amplitudes": [amplitude]})
    )
    return "teacher.json"


def network(folder, name="net.npz", **arrays):
    np.savez(folder / name, **arrays)
    return name


@pytest.fixture(scope="module")
def table_run(shared):
    """A run on a table, with shares kept aside."""
    write_csv(shared.folder / "certified.csv", ridge_table(rows=150), NAMES)
    return shared.run_to(
        "table-run",
        ["train", "--data", shared.folder / "certified.csv", "--target", "target"]
        + ["--width", 12, "--tolerance", 1e-3],
    )


# ---------------------------------------------------------------- runs


def test_run_is_certified_on_its_own_problem(lodestone, small_run):
    """The numbers are those of the run's summary, and the verifier agrees with all of them."""
    found = verified(lodestone, small_run)
    summary = read_json(small_run / "summary.json")
    assert found["verified"] is True and found["discrepancies"] == []
    assert found["model"].endswith("network.json")
    assert found["objective"] == "population"
    assert found["lambda"] == summary["lambda"] and found["lambda_source"] == "model"
    assert found["loss"] == pytest.approx(summary["loss"], rel=1e-6)
    for key in ("sup_eta", "gap", "relative_gap"):
        expected = summary["certificate"][key]
        assert found["certificate"][key] == pytest.approx(expected, rel=1e-6), key
    assert found["certificate"]["distinct_maxima"] == 3
    assert len(found["neurons"]) <= 40
    assert sum(neuron["mass"] for neuron in found["neurons"]) == pytest.approx(found["mass"])
    masses = [neuron["mass"] for neuron in found["neurons"]]
    assert masses == sorted(masses, reverse=True)
    for neuron in found["neurons"]:
        assert neuron["violates"] == (abs(neuron["eta"] - neuron["sign"]) > 0.01)
    assert found["violations"] == sum(neuron["violates"] for neuron in found["neurons"])


def test_training_rows_are_found_again(lodestone, table_run):
    """On the run's own rows the loss is the summary's; on the whole file it is another."""
    summary = read_json(table_run / "summary.json")
    own = certified(lodestone, table_run)
    assert own["rows"] == summary["training_rows"] == 108
    assert own["loss"] == pytest.approx(summary["loss"], rel=1e-9)
    whole = certified(lodestone, table_run, "--data", table_run.parent / "certified.csv")
    assert whole["rows"] == 150
    assert whole["loss"] != pytest.approx(summary["loss"], rel=1e-9)
    assert whole["loss_as_given"] >= whole["loss"]


def test_table_lines_up(lodestone, small_run):
    """At most twenty neurons, in columns; the rest is counted."""
    text = lodestone.done("certify", small_run).stdout
    head, *rest = text.splitlines()
    rows = rest[: rest.index("") - 1]
    assert len(rows) == 20
    assert head.split() == ["neuron", "sign", "mass", "share", "eta", "violates"]
    for row in rows:
        assert len(row.split()) == 6
        assert row.index("%") == rows[0].index("%")
        assert row.rindex(" ") == head.rindex(" "), "columns line up with their heads"
    assert "... and 20 lighter ones" in text
    assert "sup |eta| = 1.0" in text and "estimated" in text
    assert lodestone.done("certify", small_run, "--quiet").stdout == ""


def test_out_holds_what_json_prints(lodestone, small_run):
    printed = lodestone.done("certify", small_run, "--json", "--out", "found.json").stdout
    assert (lodestone.folder / "found.json").read_text() == printed
    lodestone.refused("certify", small_run, "--out", "found.json", says=["exists", "--overwrite"])
    lodestone.done("certify", small_run, "--out", "found.json", "--overwrite", "--quiet")


def test_same_bits_at_any_thread_count(lodestone, table_run):
    one, four = (
        lodestone.done("certify", table_run, "--json", "--threads", n).stdout for n in (1, 4)
    )
    assert one == four


def test_configuration_file(lodestone, small_run):
    (lodestone.folder / "c.toml").write_text("lambda = 0.01\nrigorous = false\ntolerance = 0.5\n")
    found = certified(lodestone, small_run, "--config", "c.toml", "--tolerance", 0.25)
    assert found["lambda"] == 0.01 and found["lambda_source"] == "given"
    assert found["tolerance"] == 0.25


# ---------------------------------------------------------------- known optima


@pytest.mark.parametrize("amplitude", [1.0, -2.0])
def test_exact_optimum_of_one_teacher(lodestone, amplitude):
    """docs/math.md, 6.2: one neuron of mass a* − λ/h(0) along the teacher."""
    teacher = one_teacher(lodestone.folder, amplitude)
    strength = 0.01
    mass = math.copysign(abs(amplitude) - strength / H0, amplitude)
    net = network(lodestone.folder, a=np.array([mass]), W=np.array([[0.6, 0.0, -0.8]]))
    found = verified(lodestone, net, "--teacher", teacher, "--lambda", strength)
    assert found["verified"] is True
    # An estimate leaves 1e-9 of the supremum open.
    assert 0 <= found["certificate"]["gap"] <= 2e-9 * strength * abs(amplitude)
    assert found["certificate"]["sup_eta"] == pytest.approx(1.0, abs=1e-9)
    assert found["loss"] == pytest.approx(strength**2 / (2 * H0), rel=1e-9)
    assert found["penalized_loss"] == pytest.approx(
        strength * abs(amplitude) - strength**2 / (2 * H0), rel=1e-9
    )
    assert found["violations"] == 0
    assert found["neurons"][0]["eta"] == pytest.approx(math.copysign(1.0, amplitude), abs=1e-9)
    direction = found["certificate"]["worst"]["direction"]
    assert abs(np.dot(direction, [0.6, 0.0, -0.8])) == pytest.approx(1.0, abs=1e-9)
    # The network's own α and β are 0, the best ones are not.
    assert found["loss_as_given"] > found["loss"]


def test_lambda_of_an_optimum_is_found_again(lodestone):
    """A network that is optimal for one λ has no relative gap there, and only there."""
    teacher = one_teacher(lodestone.folder)
    net = network(lodestone.folder, a=np.array([1 - 0.02 / H0]), W=np.array([[0.6, 0.0, -0.8]]))
    found = certified(lodestone, net, "--teacher", teacher)
    assert found["lambda_source"] == "tightest"
    assert found["lambda"] == pytest.approx(0.02, rel=1e-6)
    assert found["certificate"]["relative_gap"] == pytest.approx(0.0, abs=1e-9)
    text = lodestone.done("certify", net, "--teacher", teacher).stdout
    assert "at which the relative gap is smallest" in text


def test_gap_of_the_teacher_itself_vanishes_with_lambda(lodestone):
    """R = 0: the gap is at most λ times the mass."""
    teacher = one_teacher(lodestone.folder, 1.5)
    net = network(lodestone.folder, a=np.array([1.5]), W=np.array([[0.6, 0.0, -0.8]]))
    gaps = [
        certified(lodestone, net, "--teacher", teacher, "--lambda", strength)["certificate"]["gap"]
        for strength in (1e-2, 1e-4, 1e-6)
    ]
    assert gaps == pytest.approx([1.5e-2, 1.5e-4, 1.5e-6], rel=1e-5)


def test_tightest_lambda_is_the_best_of_a_grid(lodestone, table_file):
    random = np.random.default_rng(3)
    net = network(
        lodestone.folder,
        a=np.array([0.8, 0.1]),
        W=np.array([[1.0, -0.5, 0.05], [0.3, 0.4, 0.2]]) + 0.01 * random.normal(size=(2, 3)),
        b=np.array([0.02, 0.1]),
    )
    data = ["--data", table_file, "--target", "target"]
    best = certified(lodestone, net, *data)
    assert best["certificate"]["relative_gap"] < 1.0
    for factor in (0.25, 0.5, 0.9, 1.1, 2.0, 4.0):
        there = certified(lodestone, net, *data, "--lambda", factor * best["lambda"])
        assert there["certificate"]["relative_gap"] >= best["certificate"]["relative_gap"]


def test_lost_teacher_is_where_eta_is_largest(lodestone):
    """Two of three directions: the third is where the target still pulls."""
    teacher = {"directions": np.eye(4)[:3].tolist(), "amplitudes": [1.0, -1.0, 0.7]}
    (lodestone.folder / "t.json").write_text(json.dumps(teacher))
    net = network(lodestone.folder, a=np.array([1.0, -1.0]), W=np.eye(4)[:2])
    found = certified(lodestone, net, "--teacher", "t.json", "--lambda", 0.01)
    worst = found["certificate"]["worst"]
    assert abs(worst["direction"][2]) == pytest.approx(1.0, abs=1e-4)
    assert worst["eta"] == pytest.approx(0.7 * H0 / 0.01, rel=1e-6)
    assert found["violations"] == 2, "both neurons lack the pull that pays for their mass"


def test_rigorous_bound(lodestone, table_file):
    """Never below the estimate, and says what it is."""
    net = network(lodestone.folder, a=np.array([0.9]), W=np.array([[1.0, -0.5, 0.0]]))
    arguments = [net, "--data", table_file, "--target", "target", "--lambda", 0.05]
    estimated = certified(lodestone, *arguments)["certificate"]
    rigorous = verified(lodestone, *arguments, "--rigorous", "--bound-tolerance", 1e-3)
    rigorous = rigorous["certificate"]
    assert estimated["kind"] == "estimated" and rigorous["kind"] == "rigorous"
    assert rigorous["sup_eta"] >= rigorous["sup_eta_lower"] >= estimated["sup_eta"] * (1 - 1e-6)
    assert rigorous["sup_eta"] <= 1.001 * rigorous["sup_eta_lower"]
    assert rigorous["gap"] >= estimated["gap"] * (1 - 1e-9)
    budget = certified(lodestone, *arguments, "--rigorous", "--max-cells", 10)["certificate"]
    assert budget["sup_eta"] >= rigorous["sup_eta_lower"]


# ---------------------------------------------------------------- networks trained elsewhere

HIDDEN = np.array([[1.0, -0.5, 0.1], [0.2, 0.3, -0.4]])
HIDDEN_BIAS = np.array([0.1, -0.2])
OUTPUT = np.array([0.9, -0.3])

VARIANTS = {
    "own": {"a": OUTPUT, "W": HIDDEN, "b": HIDDEN_BIAS, "alpha": np.float64(2.0)},
    "scikit-learn": {
        "coefs_0": HIDDEN.T,
        "coefs_1": OUTPUT[:, None],
        "intercepts_0": HIDDEN_BIAS,
        "intercepts_1": np.array([2.0]),
    },
    "torch": {
        "0.weight": HIDDEN,
        "0.bias": HIDDEN_BIAS,
        "2.weight": OUTPUT[None, :],
        "2.bias": np.array([2.0]),
    },
    "torch, named": {
        "hidden.weight": HIDDEN,
        "hidden.bias": HIDDEN_BIAS,
        "output.weight": OUTPUT[None, :],
        "output.bias": np.array([2.0]),
    },
    "fortran order": {
        "a": OUTPUT[:, None],
        "W": np.asfortranarray(HIDDEN),
        "b": HIDDEN_BIAS,
        "alpha": np.array([[2.0]]),
        "beta": np.zeros(3),
    },
}


def given_loss(table):
    hidden = np.maximum(0.0, table[:, :3] @ HIDDEN.T + HIDDEN_BIAS)
    return 0.5 * np.mean((hidden @ OUTPUT + 2.0 - table[:, 3]) ** 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_networks_by_any_names(lodestone, table_file, variant):
    net = network(lodestone.folder, **VARIANTS[variant])
    data = ["--data", table_file, "--target", "target"]
    found = verified(lodestone, net, *data, "--lambda", 0.1)
    assert found["verified"] is True
    assert found["biases"] is True and found["standardization"] == "none"
    assert found["lambda_in_target_units"] == found["lambda"] == 0.1
    assert found["columns"] == ["a", "b", "c"]
    assert found["loss_as_given"] == pytest.approx(given_loss(ridge_table()), rel=1e-12)
    sizes = np.abs(OUTPUT) * np.sqrt((HIDDEN**2).sum(axis=1) + HIDDEN_BIAS**2)
    assert [n["mass"] for n in found["neurons"]] == pytest.approx(sizes.tolist(), rel=1e-12)
    text = lodestone.done("certify", net, *data).stdout
    assert "judged in the data's own units" in text


@pytest.mark.parametrize("kind", ["scale", "whiten"])
def test_networks_in_standardized_coordinates(lodestone, table_file, kind):
    """The function is the same; its penalty, λ and η are measured in other units."""
    net = network(lodestone.folder, **VARIANTS["own"])
    data = ["--data", table_file, "--target", "target", "--lambda", 0.1]
    found = verified(lodestone, net, *data, "--standardize", kind)
    plain = certified(lodestone, net, *data)
    assert found["verified"] is True and found["standardization"] == kind
    deviation = np.std(ridge_table()[:, 3])
    assert found["loss"] * deviation**2 == pytest.approx(plain["loss"], rel=1e-9)
    assert found["lambda_in_target_units"] == pytest.approx(0.1 * deviation)
    assert found["mass"] != pytest.approx(plain["mass"], rel=1e-3)


def test_networks_without_biases(lodestone, table_file):
    arrays = {key: VARIANTS["own"][key] for key in ("a", "W")}
    net = network(lodestone.folder, **arrays)
    found = verified(lodestone, net, "--data", table_file, "--target", "target")
    assert found["biases"] is False and found["verified"] is True
    assert len(found["certificate"]["worst"]["direction"]) == 3


def broken(**changes):
    arrays = dict(VARIANTS["own"], **changes)
    return {key: value for key, value in arrays.items() if value is not None}


@pytest.mark.parametrize(
    "arrays, says",
    [
        (broken(a=None), ["net.npz:a", "missing"]),
        (broken(W=None), ["net.npz:W", "missing"]),
        (broken(a=np.ones(3)), ["net.npz:a", "2 numbers are needed"]),
        (broken(b=np.ones(5)), ["net.npz:b", "2 numbers are needed"]),
        (broken(beta=np.ones(2)), ["net.npz:beta", "3 numbers are needed"]),
        (broken(W=np.ones((2, 3, 1))), ["net.npz:W", "at most two dimensions"]),
        (broken(W=np.full((2, 3), np.nan)), ["net.npz:W", "nan"]),
        ({"weights": np.ones(3)}, ["holds no network", "coefs_0"]),
        ({"0.weight": HIDDEN}, ["holds 1 layer;"]),
        (
            {"0.weight": HIDDEN, "2.weight": np.ones((4, 2)), "4.weight": np.ones((1, 4))},
            ["holds 3 layers"],
        ),
        ({"0.weight": HIDDEN, "2.weight": np.ones((2, 2))}, ["2 outputs"]),
        ({"coefs_0": HIDDEN.T, "coefs_1": np.ones((2, 3))}, ["3 outputs"]),
        ({"coefs_0": HIDDEN.T}, ["net.npz:coefs_1", "missing"]),
        (
            {"coefs_0": HIDDEN.T, "coefs_1": np.ones((2, 2)), "coefs_2": np.ones((2, 1))},
            ["third layer"],
        ),
        ({"a": OUTPUT, "W": np.ones((2, 4))}, ["table.csv", "3 columns", "4 inputs"]),
    ],
)
def test_broken_networks_are_refused(lodestone, table_file, arrays, says):
    net = network(lodestone.folder, **arrays)
    lodestone.refused("certify", net, "--data", table_file, "--target", "target", says=says)


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--lambda", 0], ["lambda", "positive"]),
        (["--lambda", "much"], ["lambda", "must be a number"]),
        (["--tolerance", 0], ["tolerance", "positive"]),
        (["--rigorous", "--max-cells", 0], ["--max-cells", "at least 1"]),
        (["--rigorous", "--bound-tolerance", -1], ["tolerance", "positive"]),
        (["--starts", -1], ["--starts", "0 or positive"]),
        (["--standardize", "scale"], ["brings its own standardization"]),
        (["--target", "y"], ["target", "--data"]),
        (["--data", "t.csv", "--teacher", TEACHER], ["either --teacher or --data"]),
        (["--data", "absent.csv"], ["absent.csv"]),
        (["--teacher", "random:d=5,k=2,r=2"], ["the model has 8"]),
        (["--rigorus"], ["--rigorous"]),
    ],
)
def test_wrong_flags_are_refused(lodestone, small_run, flags, says):
    lodestone.refused("certify", small_run, *flags, says=says)


def test_what_to_judge_on_has_to_be_known(lodestone, small_run, table_file):
    lodestone.refused("certify", small_run / "model.json", says=["--data", "--teacher"])
    net = network(lodestone.folder, **VARIANTS["own"])
    lodestone.refused("certify", net, says=["--data", "--teacher"])
    lodestone.refused("certify", net, "--data", table_file, says=["--target"])
    one_teacher(lodestone.folder)
    lodestone.refused("certify", net, "--teacher", "teacher.json", says=["biases"])


def test_columns_must_be_the_models(lodestone, table_run, table_file):
    write_csv(lodestone.folder / "other.csv", ridge_table(), ["a", "b", "d", "target"])
    lodestone.refused("certify", table_run, "--data", "other.csv", says=["other.csv", "'c'"])


@pytest.mark.parametrize(
    "damage", [lambda text: text[: len(text) // 2], lambda text: text.replace("features", "x")]
)
def test_broken_models_are_refused(lodestone, small_run, damage):
    (lodestone.folder / "m.json").write_text(damage((small_run / "model.json").read_text()))
    lodestone.refused("certify", "m.json", "--teacher", TEACHER, says=["m.json", "damaged"])


def test_no_model_at_all(lodestone):
    (lodestone.folder / "empty").mkdir()
    lodestone.refused("certify", "empty", says=["model.json"])
    lodestone.refused("certify", "absent.json", says=["absent.json"])
    result = lodestone("certify")
    assert result.returncode == 2 and "MODEL" in result.stderr


# ---------------------------------------------------------------- a proof of recovery


def test_near_optimum_on_a_population_is_a_proof_of_recovery(lodestone):
    """Proven margin and proven gap: the bound is called proven, and what was measured lies below."""
    teacher = "random:d=3,k=2,min-angle=60,seed=1"
    flags = ["--teacher", teacher, "--width", 40, "--epoch-tolerance", 0.001]
    run = lodestone.run_to("run", ["train", *flags, "--tolerance", 1e-5])
    summary = read_json(run / "summary.json")
    told = summary["recovery_bound"]
    assert told["kind"] == "estimated" and told["rho_proven"] is True, "train estimates its gap"
    assert "reason" not in told
    result = lodestone.done("certify", run, "--rigorous")
    line = result.stdout.splitlines()[-1]
    assert line.startswith("proven: mass-weighted angles are at most "), line
    assert "degrees (rms), ||f - f_*|| at most " in line
    bound = certified(lodestone, run, "--rigorous")["recovery_bound"]
    assert bound["kind"] == "rigorous" and bound["rho_proven"] is True
    assert summary["recovery"]["mean_angle_deg"] <= bound["angle_deg"] < 30
    assert math.sqrt(2 * summary["loss"]) <= bound["residual_norm"] < 0.1
    # The same by the formula of docs/math.md, 7.4; what rounding is charged is small here.
    zeta = certified(lodestone, run, "--rigorous")["certificate"]["gap"]
    most = 2 * summary["lambda"] * bound["p_norm"] + math.sqrt(2 * zeta)
    assert bound["residual_norm"] == pytest.approx(most, rel=1e-3)
    assert verified(lodestone, run, "--rigorous")["verified"] is True


def test_train_prints_the_bound_in_one_line(lodestone):
    flags = ["--teacher", "random:d=3,k=2,min-angle=60,seed=1", "--width", 40]
    text = lodestone.done("train", *flags).stdout
    lines = [line for line in text.splitlines() if "mass-weighted angles are at most" in line]
    assert len(lines) == 1 and lines[0].startswith("estimated (the gap is not proven): ")


def test_parallel_teachers_have_no_bound_and_words_say_so(lodestone, small_run):
    """Too close for a certificate in float64: no number is given."""
    directions = [[1, 0, 0], [1, 1e-6, 0]]
    teacher = {"directions": directions, "amplitudes": [1, -1]}
    (lodestone.folder / "close.json").write_text(json.dumps(teacher))
    net = network(lodestone.folder, a=np.ones(1), W=np.array([[1.0, 0.5, 0.0]]))
    judged = certified(lodestone, net, "--teacher", "close.json", "--lambda", 0.01)
    assert set(judged["recovery_bound"]) == {"reason"}
    assert "parallel" in judged["recovery_bound"]["reason"]
    text = lodestone.done("certify", net, "--teacher", "close.json", "--lambda", 0.01).stdout
    assert "no bound on the angles: the teacher has no dual certificate" in text


def test_a_forged_bound_is_contradicted(lodestone, small_run):
    folder = lodestone.folder / "forged"
    folder.mkdir()
    for path in small_run.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    summary = read_json(folder / "summary.json")
    summary["recovery_bound"]["angle_deg"] *= 0.5
    (folder / "summary.json").write_text(json.dumps(summary))
    found = verified(lodestone, folder, status=4)
    fields = [item["field"] for item in found["discrepancies"]]
    assert "summary.json: recovery_bound.angle_deg" in fields
