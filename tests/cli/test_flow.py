"""flow: gradient flow from the start of train, its files and its events."""

import csv
import json
import signal
import time

import numpy as np
import pytest
from conftest import read_json, tree

TEACHER = "random:d=4,k=2,seed=1"
BASE = ["flow", TEACHER, "--width", 12, "--lambda", 0.005, "--tolerance", 0]
FLOW = [*BASE, "--time", 2000]


@pytest.fixture(scope="module")
def folder(shared):
    return shared.run_to("flow", FLOW)


def rows_of(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def test_result_has_its_fields(folder):
    result = read_json(folder / "result.json")
    assert (result["command"], result["status"]) == ("flow", "converged")
    assert (result["objective"], result["lambda"], result["neurons"]) == ("population", 0.005, 12)
    assert result["time"] == 2000 and result["loss"] < 0.1 * result["null_loss"]
    assert result["energy_error"] < 1e-6 and result["balance_error"] < 1e-6
    assert result["recovery"]["teachers"] == 2
    kinds = [row["kind"] for row in rows_of(folder / "events.csv")]
    assert kinds[0] == "plateau_begins"
    assert kinds.count("death") == result["deaths"] == 12 - result["living"]
    assert kinds.count("merge") == result["merges"]


def test_history_has_time_as_its_axis(folder):
    history = rows_of(folder / "history.csv")
    assert list(history[0])[:5] == ["time", "steps", "loss", "penalized_loss", "gradient_norm"]
    times = [float(row["time"]) for row in history]
    assert times[0] == 0 and times[-1] == 2000 and times == sorted(times)
    losses = [float(row["penalized_loss"]) for row in history]
    assert all(later <= earlier + 1e-12 for earlier, later in zip(losses, losses[1:]))


def test_order_parameters_are_those_of_the_neurons(folder):
    order = np.load(folder / "order.npz")
    teacher = read_json(folder / "teacher.json")
    directions = np.array(teacher["directions"])
    count = len(rows_of(folder / "history.csv"))
    assert order["time"].shape == (count,) and order["W"].shape == (count, 12, 4)
    assert order["Q"].shape == (count, 12, 12) and order["M"].shape == (count, 12, 2)
    W = order["W"]
    assert order["Q"] == pytest.approx(W @ W.transpose(0, 2, 1), abs=1e-14)
    assert order["M"] == pytest.approx(W @ directions.T, abs=1e-14)
    assert order["mass"] == pytest.approx(np.abs(order["a"]) * np.linalg.norm(W, axis=2))


def test_a_flow_goes_on_from_a_network(lodestone):
    """Two halves are the whole, also where the layers are not balanced at the break."""
    common = [TEACHER, "--tolerance", 0, "--relative-tolerance", 1e-10]
    whole = lodestone.run_to("whole", ["flow", *common, "--width", 6, "--time", 20])
    lodestone.run_to("first", ["flow", *common, "--width", 6, "--time", 12])
    second = lodestone.run_to(
        "second", ["flow", *common, "--init", "first/network.json", "--time", 8]
    )
    ends = [np.load(run / "order.npz")["W"][-1] for run in (whole, second)]
    assert ends[0] == pytest.approx(ends[1], abs=1e-7)
    assert read_json(second / "result.json")["init"] == "first/network.json"


def test_its_network_can_be_certified(lodestone, folder):
    found = json.loads(
        lodestone.done(
            *["certify", folder / "network.json", "--teacher", folder / "teacher.json"],
            *["--lambda", 0.005, "--json"],
        ).stdout
    )
    assert found["certificate"]["relative_gap"] < 0.5
    assert found["loss"] == pytest.approx(read_json(folder / "result.json")["loss"], rel=1e-6)


def test_same_bits_at_any_number_of_threads(lodestone):
    one, three = (
        lodestone.run_to(f"t{threads}", [*BASE, "--time", 30, "--threads", threads])
        for threads in (1, 3)
    )
    one, three = tree(one), tree(three)
    results = [json.loads(files.pop("result.json")) for files in (one, three)]
    for result in results:
        for key in ("threads", "seconds"):
            result.pop(key)
    assert results[0] == results[1] and one == three


def test_budgets_end_it_with_everything_saved(lodestone):
    folder = lodestone.run_to("cut", [*FLOW, "--max-steps", 10], status=3)
    assert read_json(folder / "result.json")["status"] == "budget"
    assert len(rows_of(folder / "history.csv")) >= 2
    folder = lodestone.run_to("late", [*FLOW, "--max-seconds", 1e-9], status=3)
    assert "seconds" in read_json(folder / "result.json")["message"]


def test_an_interrupt_ends_it_with_everything_saved(lodestone):
    process = lodestone.start(
        *["flow", "random:d=20,k=4", "--width", 400, "--tolerance", 0, "--out", "stopped"]
    )
    config = lodestone.folder / "stopped/config.toml"
    deadline = time.monotonic() + 60
    while not config.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert read_json(lodestone.folder / "stopped/result.json")["status"] == "interrupted"


def test_what_is_printed(lodestone):
    result = lodestone.done(*FLOW)
    assert len(result.stdout.splitlines()) <= 30
    assert "plateaus: 0 to " in result.stdout and "the time 2000 was reached" in result.stdout
    assert lodestone.done(*FLOW, "--quiet").stdout == ""
    assert json.loads(lodestone.done(*FLOW, "--json").stdout)["command"] == "flow"


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--teacher", ""], ["teacher", "random:"]),
        (["random:d=3,k=2", "--noise", 0.1], ["--noise", "--samples"]),
        (["random:d=3,k=2", "--init", "absent.json"], ["absent.json"]),
        (["random:d=3,k=2", "--init", "absent.json", "--width", 4], ["--width", "--init"]),
        (["random:d=3,k=2", "--width", 5], ["--width", "even"]),
        (["random:d=3,k=2", "--time", 0], ["--time", "must be positive"]),
    ],
)
def test_unusable_input_is_refused(lodestone, arguments, says):
    lodestone.refused("flow", *arguments, "--out", "none", says=says)
