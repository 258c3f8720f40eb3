"""verify: every number of a run, recomputed by the independent verifier."""

import json

import numpy as np
import pytest
from conftest import NAMES, SMALL, TEACHER, certified, read_json, ridge_table, verified, write_csv


def test_verify_says_what_certify_says(lodestone, small_run):
    """And whether the verifier agrees; only the command's name differs."""
    found = verified(lodestone, small_run)
    assert found.pop("verified") is True and found.pop("discrepancies") == []
    assert found.pop("command") == "verify"
    judged = certified(lodestone, small_run)
    assert judged.pop("command") == "certify"
    assert found == judged
    text = lodestone.done("verify", small_run).stdout
    assert text.startswith(lodestone.done("certify", small_run).stdout)
    assert text.endswith("verified: every number was recomputed independently and agrees\n")


def test_out_holds_what_json_prints(lodestone, small_run):
    printed = lodestone.done("verify", small_run, "--json", "--out", "found.json").stdout
    assert (lodestone.folder / "found.json").read_text() == printed
    lodestone.refused("verify", small_run, "--out", "found.json", says=["exists", "--overwrite"])


def test_a_run_is_needed(lodestone):
    lodestone.refused("verify", "absent", says=["absent"])
    result = lodestone("verify")
    assert result.returncode == 2 and "RUN" in result.stderr


def test_certify_has_no_flag_to_verify(lodestone, small_run):
    lodestone.refused("certify", small_run, "--verify", says=["unknown flag '--verify'"])


@pytest.mark.parametrize("objective", ["population", "sample"])
def test_every_objective_is_verified(lodestone, short_runs, objective):
    found = verified(lodestone, short_runs[objective])
    assert found["objective"] == objective
    assert found["verified"] is True


@pytest.mark.parametrize("kind", ["none", "scale", "whiten"])
@pytest.mark.parametrize("biases", ["on", "off"])
def test_tables_in_every_standardization_are_verified(lodestone, kind, biases):
    """With a constant and a collinear column, off centre."""
    table = ridge_table(rows=80)
    shift = 5 if kind == "none" else 500
    awkward = np.column_stack([table[:, 0] * 3 + shift, table[:, 1:3], table[:, 0] - table[:, 1]])
    awkward = np.column_stack([awkward, np.full(80, 0.1), table[:, 3]])
    write_csv(lodestone.folder / "t.csv", awkward, ["a", "b", "c", "sum", "constant", "target"])
    run = lodestone.run_to(
        "run",
        ["train", "--data", "t.csv", "--target", "target", "--standardize", kind]
        + ["--biases", biases, "--width", 8, "--tolerance", 1e-2, "--stagnation", 0.01],
    )
    found = verified(lodestone, run)
    assert found["verified"] is True, found["discrepancies"]
    assert found["standardization"] == kind and found["biases"] == (biases == "on")
    assert found["loss_as_given"] == pytest.approx(found["loss"], rel=1e-6)


@pytest.mark.parametrize("kind", ["none", "scale", "whiten"])
@pytest.mark.parametrize("biases", ["on", "off"])
def test_fits_are_verified(lodestone, table_file, kind, biases):
    """A fit's folder holds the network that was certified; its numbers come out again."""
    out = lodestone.run_to(
        "fit",
        ["fit", "--data", table_file, "--target", "target", "--lambdas", 6, "--lambda-ratio", 0.01]
        + ["--folds", 3, "--standardize", kind, "--biases", biases],
    )
    summary = read_json(out / "summary.json")
    found = verified(lodestone, out)
    assert found["verified"] is True and found["discrepancies"] == []
    assert found["lambda"] == pytest.approx(summary["lambda"], rel=1e-12)
    assert found["loss"] == pytest.approx(summary["loss"], rel=1e-9)
    # An estimate from other starts may find a higher maximum, or miss one by a little.
    assert found["certificate"]["gap"] == pytest.approx(
        summary["certificate"]["gap"], rel=0.1, abs=1e-6
    )


def test_changed_summary_is_contradicted(lodestone, small_run):
    """Exit status 4, and the number that does not hold is named."""
    folder = lodestone.folder / "forged"
    folder.mkdir()
    for path in small_run.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    summary = read_json(folder / "summary.json")
    summary["certificate"]["sup_eta"] = 0.999
    (folder / "summary.json").write_text(json.dumps(summary))
    found = verified(lodestone, folder, status=4)
    assert found["verified"] is False
    assert found["discrepancies"][0]["field"] == "summary.json: certificate.sup_eta"
    text = lodestone("verify", folder)
    assert text.returncode == 4
    assert "NOT verified: summary.json: certificate.sup_eta is 0.999" in text.stdout


def test_merged_features_are_verified(lodestone, small_run):
    found = verified(lodestone, small_run / "model.json", "--teacher", TEACHER)
    assert found["verified"] is True
    assert len(found["neurons"]) == read_json(small_run / "summary.json")["features"]


def test_run_without_weight_decay(lodestone):
    """λ = 0 has no certificate; the λ that flatters the network most takes its place."""
    run = lodestone.run_to("run", [*SMALL, "--schedule", "none", "--max-steps", 300], status=3)
    found = verified(lodestone, run)
    assert found["lambda_source"] == "tightest" and found["lambda"] > 0
    assert found["verified"] is True
