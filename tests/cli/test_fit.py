"""`fit` from the command line: its files, its words, and what it refuses."""

import csv
import json
import re

import numpy as np
import pytest
from conftest import NAMES, read_json, ridge_table, tree, write_csv

DATA = ["--data", "table.csv", "--target", "target"]
# A few values of the weight decay: a tenth of a second.
SHORT = ["--lambdas", 6, "--lambda-ratio", 0.02]
FILES = """config.toml cross_validation.csv curve.csv curve.json intervals.json model.json network.json
    origin.json path.csv path.json summary.json""".split()

OF_VALIDATION = {"cross_validation.csv", "curve.csv", "curve.json", "intervals.json"}


def fit(lodestone, out, *arguments, status=0):
    return lodestone.run_to(out, ["fit", *arguments], status)


def lines_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def outcome(folder):
    """All that a fit found, to the bit, less times and the number of threads."""
    files = tree(folder)
    summary = json.loads(files.pop("summary.json"))
    files.pop("config.toml")
    return files, {k: v for k, v in summary.items() if k not in ("seconds", "threads")}


@pytest.fixture(scope="module")
def run(shared):
    write_csv(shared.folder / "table.csv", ridge_table(), NAMES)
    return fit(shared, "run", *DATA, *SHORT)


# ---- files


def test_the_folder_holds_the_documented_files(run):
    assert sorted(tree(run)) == FILES


def test_files_agree_with_each_other(run):
    summary = read_json(run / "summary.json")
    path = lines_of(run / "path.csv")
    networks = read_json(run / "path.json")["points"]
    tried = lines_of(run / "cross_validation.csv")
    model = read_json(run / "model.json")
    assert summary["status"] == "converged"
    assert summary["command"] == "fit" == model["provenance"]["command"]
    assert summary["training_rows"] == 60
    assert summary["features"] == len(model["features"]) == len(summary["feature_list"])
    assert summary["neurons"] == len(read_json(run / "network.json")["features"])
    assert sum(feature["share"] for feature in summary["feature_list"]) == pytest.approx(1)
    [chosen] = [line for line in path if line["chosen"] == "1"]
    assert float(chosen["lambda"]) == summary["lambda"]
    assert float(chosen["relative_gap"]) == summary["certificate"]["relative_gap"] <= 1e-2
    [choice] = [line for line in tried if line["chosen"] == "1"]
    assert float(choice["lambda"]) == summary["selection"]["chosen"]["lambda"]
    assert float(choice["validation_error"]) == summary["selection"]["chosen"]["validation_error"]
    assert int(choice["features"]) == summary["features"]
    assert len(networks) == len(path)
    lambdas = [float(line["lambda"]) for line in path]
    assert lambdas == sorted(lambdas, reverse=True)
    assert lambdas[0] == summary["lambda_max"]
    for line, network in zip(path, networks):
        assert network["lambda"] == float(line["lambda"])
        assert len(network["a"]) == len(network["W"]) == int(line["neurons"])
        # Balanced: |a| = |w|, bias included.
        norms = [np.linalg.norm(w) for w in network["W"]]
        assert np.abs(network["a"]) == pytest.approx(norms, rel=1e-9)
        penalty = sum(abs(a) * norm for a, norm in zip(network["a"], norms))
        assert float(line["penalized_loss"]) == pytest.approx(
            float(line["loss"]) + float(line["lambda"]) * penalty, rel=1e-9
        )


def test_the_model_predicts(run, shared):
    text = shared.done("predict", run, "table.csv").stdout
    predicted = np.array([float(line) for line in text.split()[1:]])
    target = ridge_table()[:, -1]
    assert np.mean((predicted - target) ** 2) < 0.02 * np.var(target)
    assert shared.done("predict", run / "model.json", "table.csv").stdout == text


def test_the_curve_has_a_model_for_each_number_of_features(run, shared):
    curve = lines_of(run / "curve.csv")
    models = read_json(run / "curve.json")["points"]
    assert [line["kind"] for line in curve[:2]] == ["linear", "refitted"]
    assert curve[-1]["kind"] == "penalized"
    for line, point in zip(curve, models, strict=True):
        assert int(line["features"]) == point["features"] == len(point["model"]["features"])
        assert line["kind"] == point["kind"]
    [chosen] = [point for line, point in zip(curve, models) if line["chosen"] == "1"]
    assert chosen["model"] == read_json(run / "model.json")


def test_select_takes_a_model_of_the_curve(run, shared):
    counts = [int(line["features"]) for line in lines_of(run / "curve.csv")]
    shared.done("select", run, "--features", counts[1], "--out", "one.json", "--quiet")
    assert read_json(shared.folder / "one.json") == read_json(run / "curve.json")["points"][1]["model"]
    shared.done("predict", "one.json", "table.csv")
    text = shared.done("select", run, "--features", counts[1]).stdout
    assert "intercept" in text and "linear" in text
    summary = json.loads(shared.done("select", run, "--features", 0, "--json").stdout)
    assert summary["features"] == 0
    for refused, says in (
        ([run], ["--features: got nothing", str(counts[1])]),
        ([run, "--features", 1000], ["--features: got 1000", str(counts[-1])]),
        ([run, "--features", counts[1], "--out", "one.json"], ["one.json", "--overwrite"]),
        (["nowhere", "--features", 1], ["nowhere"]),
        ([run / "model.json", "--features", 1], ["model.json"]),
    ):
        shared.refused("select", *refused, says=says)
    (shared.folder / "damaged").mkdir()
    (shared.folder / "damaged/curve.json").write_text('{"format": "lodestone-curve", "version": 1}')
    shared.refused("select", "damaged", "--features", 1, says=["curve.json", "damaged"])


def test_a_number_of_features_can_be_asked_for(lodestone, table_file):
    folder = fit(lodestone, "run", *DATA, *SHORT, "--select", 2)
    assert read_json(folder / "summary.json")["features"] == 2
    assert read_json(folder / "summary.json")["selection"]["rule"] == "2"
    lodestone.refused("fit", *DATA, "--lambda", 0.1, "--select", 2, says=["select", "--lambda"])


def test_configuration_comes_round(run, shared):
    again = fit(shared, "again", "--config", run / "config.toml")
    assert outcome(again) == outcome(run)
    assert (again / "config.toml").read_bytes() == (run / "config.toml").read_bytes()


def test_threads_do_not_matter(run, shared):
    for threads in (1, 3):
        again = fit(shared, f"threads-{threads}", *DATA, *SHORT, "--threads", threads)
        assert outcome(again) == outcome(run)


def test_overwrite_replaces_a_run_and_nothing_else(lodestone, table_file):
    folder = fit(lodestone, "run", *DATA, *SHORT)
    (folder / "notes.txt").write_text("mine")
    lodestone.refused("fit", *DATA, *SHORT, "--out", "run", says=["run", "--overwrite"])
    fit(lodestone, "run", *DATA, "--lambda", 0.05, "--overwrite")
    # Nothing was cross-validated, and the old table is gone.
    assert sorted(tree(folder)) == sorted({*FILES, "notes.txt"} - OF_VALIDATION)
    assert read_json(folder / "summary.json")["lambda"] == 0.05


# ---- words


def test_json_is_all_of_standard_output(lodestone, table_file):
    result = lodestone.done("fit", *DATA, *SHORT, "--json", "--out", "run")
    assert result.stderr == ""
    assert json.loads(result.stdout) == read_json(lodestone.folder / "run" / "summary.json")


def test_quiet_is_silent(lodestone, table_file):
    result = lodestone.done("fit", *DATA, *SHORT, "--quiet")
    assert result.stdout == result.stderr == ""


def test_text_shows_path_features_and_certificate(lodestone, table_file):
    result = lodestone.done("fit", *DATA, *SHORT)
    for part in ("lambda", "validation", "direction", "intercept", "sup |eta|", "estimated"):
        assert part in result.stdout
    # The chosen lambda, and the chosen number of features.
    assert len(re.findall(r"^>", result.stdout, re.MULTILINE)) == 2


# ---- choices


def test_lambda_above_the_largest_gives_the_linear_model(lodestone, table_file):
    folder = fit(lodestone, "run", *DATA, "--lambda", 100)
    summary = read_json(folder / "summary.json")
    assert summary["features"] == summary["neurons"] == 0
    assert summary["certificate"]["gap"] == pytest.approx(0, abs=1e-12)
    assert any("lambda_max" in warning for warning in summary["warnings"])
    table = ridge_table()
    columns = np.column_stack([np.ones(60), table[:, :-1]])
    plane = columns @ np.linalg.lstsq(columns, table[:, -1], rcond=None)[0]
    text = lodestone.done("predict", folder, "table.csv").stdout
    assert [float(line) for line in text.split()[1:]] == pytest.approx(plane, abs=1e-9)


def test_validation_and_test_rows(lodestone, table_file):
    write_csv(lodestone.folder / "valid.csv", ridge_table(80, seed=1), NAMES)
    write_csv(lodestone.folder / "test.csv", ridge_table(90, seed=2), NAMES)
    flags = ["--validation", "valid.csv", "--test", "test.csv"]
    summary = read_json(fit(lodestone, "run", *DATA, *SHORT, *flags) / "summary.json")
    assert summary["selection"]["folds"] == 1
    assert summary["test"]["rows"] == 90
    text = lodestone.done("predict", "run", "test.csv").stdout
    predicted = np.array([float(line) for line in text.split()[1:]])
    rmse = np.sqrt(np.mean((predicted - ridge_table(90, seed=2)[:, -1]) ** 2))
    assert summary["test"]["rmse"] == pytest.approx(rmse, rel=1e-9)


def test_bootstrap_gives_every_feature_an_angle(lodestone, table_file):
    folder = fit(lodestone, "run", *DATA, "--lambda", 0.05, "--bootstrap", 10)
    features = read_json(folder / "summary.json")["feature_list"]
    assert features
    for feature in features:
        assert 0 < feature["angle_error_deg"] <= 90
        assert 0 <= feature["found_share"] <= 1


def test_population_is_proven(lodestone):
    teacher = ["--teacher", "random:d=6,k=2,seed=0"]
    folder = fit(lodestone, "run", *teacher, "--rigorous", "--lambdas", 12)
    summary = read_json(folder / "summary.json")
    assert summary["objective"] == "population"
    assert summary["certificate"]["kind"] == "rigorous"
    assert summary["certificate"]["relative_gap"] < 2e-3
    assert summary["recovery"]["recovered"] == summary["recovery"]["teachers"] == 2
    assert {line["kind"] for line in lines_of(folder / "path.csv")} == {"rigorous"}
    assert (folder / "teacher.json").exists()
    assert not (folder / "cross_validation.csv").exists()


def test_rows_of_a_teacher(lodestone):
    teacher = ["--teacher", "random:d=5,k=1,seed=2", "--samples", 800, "--noise", 0.1]
    summary = read_json(fit(lodestone, "run", *teacher, *SHORT) / "summary.json")
    assert summary["objective"] == "sample"
    assert summary["recovery"]["mean_angle_deg"] < 5


def test_no_time_leaves_the_linear_model(lodestone, table_file):
    """A budget is no mistake: what there is is kept, and the status says so."""
    result = lodestone("fit", *DATA, "--max-seconds", 1e-6, "--out", "run")
    assert result.returncode == 3
    assert "stopped early (budget)" in result.stdout
    summary = read_json(lodestone.folder / "run" / "summary.json")
    assert summary["status"] == "budget"
    assert summary["features"] == 0
    assert "selection" not in summary



# ---- tables as people have them


def test_collinear_and_constant_columns(lodestone):
    table = ridge_table()
    more = np.column_stack([table[:, :3], table[:, 0] - table[:, 1], np.full(60, 7.0), table[:, 3]])
    write_csv(lodestone.folder / "table.csv", more, ["a", "b", "c", "d", "seven", "target"])
    for kind in ("scale", "whiten"):
        folder = fit(lodestone, kind, *DATA, *SHORT, "--standardize", kind)
        text = lodestone.done("predict", folder, "table.csv").stdout
        predicted = np.array([float(line) for line in text.split()[1:]])
        assert np.mean((predicted - table[:, -1]) ** 2) < 0.02 * np.var(table[:, -1])


def test_text_columns_with_one_hot(lodestone):
    random = np.random.default_rng(0)
    colours = ["red", "green", "blue"]
    lines = ["a,colour,target"]
    for a in random.normal(size=80):
        which = int(random.integers(3))
        lines.append(f"{a},{colours[which]},{max(0.0, a) + 0.5 * which}")
    (lodestone.folder / "table.csv").write_text("\n".join(lines) + "\n")
    folder = fit(lodestone, "run", *DATA, *SHORT, "--categories", "one-hot")
    model = read_json(folder / "model.json")
    assert model["columns"] == ["a", "colour=blue", "colour=green", "colour=red"]
    assert len(lodestone.done("predict", folder, "table.csv").stdout.split()) == 81


def test_rows_of_no_weight_count_as_absent(lodestone, table_file):
    table = ridge_table()
    weights = np.arange(60) % 2
    write_csv(
        lodestone.folder / "weighted.csv",
        np.column_stack([table[:, :3], weights, table[:, 3]]),
        ["a", "b", "c", "weight", "target"],
    )
    write_csv(lodestone.folder / "half.csv", table[weights == 1], NAMES)
    flags = ["--target", "target", *SHORT]
    one = fit(lodestone, "one", "--data", "weighted.csv", "--weights", "weight", *flags)
    other = fit(lodestone, "other", "--data", "half.csv", *flags)
    assert lines_of(one / "path.csv") == lines_of(other / "path.csv")


# ---- smooth functions


@pytest.fixture(scope="module")
def wavy(shared):
    random = np.random.default_rng(3)
    X = random.normal(size=(160, 3))
    y = np.sin(2.0 * (0.8 * X[:, 0] - 0.6 * X[:, 1])) + 0.1 * random.normal(size=160)
    write_csv(shared.folder / "wavy.csv", np.column_stack([X, y]), ["a", "b", "c", "y"])
    return ["--data", "wavy.csv", "--target", "y", *SHORT]


def test_a_smooth_model_has_one_row_a_direction(wavy, shared):
    run = fit(shared, "smooth", *wavy, "--shape", "smooth", "--bootstrap", 3)
    model = read_json(run / "model.json")
    summary = read_json(run / "summary.json")
    (ridge,) = model["ridges"]
    assert ridge["first"] == 0 and ridge["count"] == len(model["features"]) > 5
    # Some look the other way, which keeps the linear part small: a sine has none.
    assert len({tuple(np.abs(one["direction"])) for one in model["features"]}) == 1
    assert np.abs(model["affine"]["beta"]).max() < 0.5
    assert summary["features"] == len(summary["feature_list"]) == 1
    assert summary["model"]["shape"] == "smooth"
    assert summary["feature_list"][0]["angle_error_deg"] < 20
    curve = lines_of(run / "curve.csv")
    assert [line["kind"] for line in curve if line["chosen"] == "1"] == ["smooth"]
    tried = lines_of(run / "cross_validation.csv")
    assert [line["features"] for line in tried if line["chosen"] == "1"] == ["1"]
    text = shared.done("select", run, "--features", 1).stdout
    assert "degrees of freedom" in text and "-0.6" in text.replace("+0.6", "-0.6")
    shared.done("predict", run / "model.json", "wavy.csv", "--out", "told.csv")
    told = np.array([float(line["y"]) for line in lines_of(shared.folder / "told.csv")])
    y = np.array([float(line["y"]) for line in lines_of(shared.folder / "wavy.csv")])
    assert np.mean((told - y) ** 2) < 0.1 * np.var(y)
    # The certificate is that of the network, which is no smooth model.
    assert "ridges" not in read_json(run / "network.json")


def test_auto_takes_smooth_functions_where_they_are_better(wavy, shared, run):
    chosen = fit(shared, "wavy-auto", *wavy, "--shape", "auto")
    assert read_json(chosen / "summary.json")["model"]["shape"] == "smooth"
    relu = fit(shared, "relu-auto", *DATA, *SHORT, "--shape", "auto")
    assert read_json(relu / "summary.json")["model"]["shape"] == "relu"
    assert read_json(relu / "model.json")["features"] == read_json(run / "model.json")["features"]


# ---- what is refused

BAD = {
    "one-fold": ([*DATA, "--folds", 1], ["folds", "at least 2"]),
    "more-folds-than-rows": ([*DATA, "--folds", 61], ["folds", "61", "60 rows"]),
    "more-features-than-rows": ([*DATA, "--max-features", 61], ["max-features", "60 rows"]),
    "negative-features": ([*DATA, "--max-features", -1], "max-features"),
    "ratio-above-one": ([*DATA, "--lambda-ratio", 2], ["lambda-ratio", "between 0 and 1"]),
    "no-lambdas": ([*DATA, "--lambdas", 0], ["lambdas", "at least 1"]),
    "lambda-zero": ([*DATA, "--lambda", 0], ["lambda", "positive"]),
    "tolerance-zero": ([*DATA, "--gap-tolerance", 0], ["gap-tolerance", "positive"]),
    "unknown-rule": ([*DATA, "--select", "smallest"], ["select", "one-standard-error"]),
    "unknown-relaxed": ([*DATA, "--relaxed", "often"], ["relaxed", "auto, never or always"]),
    "unknown-shape": ([*DATA, "--shape", "round"], ["shape", "relu, smooth or auto"]),
    "smooth-classes": (
        [*DATA, "--shape", "smooth", "--family", "huber"],
        ["shape", "smooth", "--family"],
    ),
    "smooth-without-biases": ([*DATA, "--shape", "smooth", "--biases", "off"], ["shape", "--biases"]),
    "smooth-at-a-lambda": ([*DATA, "--shape", "smooth", "--lambda", 0.1], ["shape", "--lambda"]),
    "smooth-population": (
        ["--teacher", "random:d=4,k=2", "--shape", "smooth"],
        ["shape", "--samples"],
    ),
    "negative-bootstrap": ([*DATA, "--bootstrap", -1], "bootstrap"),
    "no-seconds": ([*DATA, "--max-seconds", 0], ["max-seconds", "positive"]),
    "no-target": (["--data", "table.csv"], "--target"),
    "misspelled-target": (["--data", "table.csv", "--target", "targt"], "did you mean 'target'?"),
    "no-data": ([], ["--data", "--teacher"]),
    "both": ([*DATA, "--teacher", "random:d=4,k=2"], ["--data", "--teacher"]),
    "samples-of-data": ([*DATA, "--samples", 5], ["samples", "--teacher"]),
    "folds-of-a-population": (["--teacher", "random:d=4,k=2", "--folds", 3], ["folds", "--samples"]),
    "same-name-twice": (["--data", "twice.csv", "--target", "y"], ["twice.csv:1: ", "'a'"]),
    "weightless": (["--data", "weightless.csv", "--target", "y", "--weights", "w"], "weight"),
    "constant-target": (["--data", "constant.csv", "--target", "y"], "constant"),
    "few-rows": (["--data", "few.csv", "--target", "y", "--linear", "free"], "rows"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_and_no_run_is_lost(lodestone, table_file, run, case):
    arguments, says = BAD[case]
    (lodestone.folder / "twice.csv").write_text("a,a,y\n1,2,3\n")
    rows = [f"{i % 7},{i % 5}" for i in range(30)]
    for name, header, last in [("weightless", "a,y,w", "0"), ("constant", "a,b,y", "4")]:
        text = "\n".join([header, *(f"{row},{last}" for row in rows)])
        (lodestone.folder / f"{name}.csv").write_text(text + "\n")
    (lodestone.folder / "few.csv").write_text("a,b,c,y\n1,2,3,4\n2,1,5,0\n4,4,1,1\n0,2,2,7\n9,1,1,3\n")
    old = lodestone.folder / "old"
    old.mkdir()
    for name, content in tree(run).items():
        (old / name).write_bytes(content)
    lodestone.refused("fit", *arguments, "--out", "new", says=says)
    lodestone.refused("fit", *arguments, "--out", "old", "--overwrite", says=says)
    lodestone.refused("fit", *arguments, "--json", says=says)
