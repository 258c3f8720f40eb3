"""certificate: the dual certificate of a teacher, its files and its picture."""

import csv
import json
import math
import os

import pytest
from conftest import read_json, tree

TEACHER = "random:d=6,k=3,seed=2"


def write_teacher(lodestone, degrees, amplitudes):
    directions = [[math.cos(math.radians(x)), math.sin(math.radians(x))] for x in degrees]
    (lodestone.folder / "teacher.json").write_text(
        json.dumps({"directions": directions, "amplitudes": amplitudes})
    )
    return "teacher.json"


@pytest.fixture(scope="module")
def folder(shared):
    return shared.run_to("certificate", ["certificate", TEACHER])


def test_report_has_its_fields(folder):
    found = read_json(folder / "certificate.json")
    assert found["command"] == "certificate" and found["teacher"] == TEACHER
    assert found["kind"] == "rigorous" and found["found"] and found["rho_proven"]
    assert (found["inputs"], found["teachers"], found["span_dimension"]) == (6, 3, 3)
    assert found["separation_deg"] >= 25
    assert found["rho"] == pytest.approx(0.95 * found["rho_found"], rel=1e-12)
    # More inputs than the span has dimensions: η is 0 at right angles to all teachers.
    assert 0 < found["rho_found"] <= (2 / math.pi) ** 2 + 1e-9
    assert found["angle_constant"] == pytest.approx(found["p_norm"] ** 2 / (2 * found["rho"]))
    assert found["smallest_order"] == 2
    assert [tried["order"] for tried in found["tried"]] == [2, 4, 6, 8, 12, 16]
    chosen = min(
        (tried for tried in found["tried"] if tried["rho"] > 0),
        key=lambda tried: tried["p_norm"] ** 2 / tried["rho"],
    )
    assert chosen["order"] == found["order"]
    for peak in found["peaks"]:
        assert peak["eta"] == pytest.approx(math.copysign(1, peak["amplitude"]), abs=1e-9)
        assert peak["slope"] < 1e-9 and peak["nearest_deg"] >= 25
    assert len(found["rho_found_direction"]) == 6
    assert found["function"]["order"] == found["order"]
    assert [len(row) for row in found["function"]["directions"]] == [6, 6, 6]


def test_eta_lies_inside_the_parabolas(folder):
    rho = read_json(folder / "certificate.json")["rho"]
    with open(folder / "data/certificate.csv") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert len(rows) == 2000
    for row in rows:
        assert abs(row["eta"]) <= 1 - rho * math.radians(row["delta_deg"]) ** 2 + 1e-9


def test_a_plane_has_its_circle(lodestone):
    teacher = write_teacher(lodestone, [20, 75, 130], [1, -0.8, 1.2])
    folder = lodestone.run_to("plane", ["certificate", teacher, "--order", 4])
    found = read_json(folder / "certificate.json")
    # Numbers of another program (docs/math.md, 8).
    assert found["rho_found"] == pytest.approx(1.11062, abs=1e-4)
    assert found["p_norm"] == pytest.approx(17.3284, abs=1e-3)
    with open(folder / "data/certificate-teachers.csv") as file:
        peaks = list(csv.DictReader(file))
    assert [float(row["angle_deg"]) for row in peaks] == pytest.approx([20, 75, 130])
    assert [round(float(row["eta"]), 9) for row in peaks] == [1, -1, 1]
    assert len((folder / "data/certificate.csv").read_text().splitlines()) == 722
    if any(os.access(os.path.join(p, "gnuplot"), os.X_OK) for p in os.get_exec_path()):
        assert (folder / "figures/certificate.svg").read_text().rstrip().endswith("</svg>")


def test_close_neurons_and_one_neuron(lodestone):
    teacher = write_teacher(lodestone, [10, 15], [1, -1])
    close = json.loads(lodestone.done("certificate", teacher, "--json").stdout)
    assert close["separation_deg"] == pytest.approx(5) and close["found"]
    one = json.loads(lodestone.done("certificate", "random:d=1,k=1,r=1", "--json").stdout)
    assert one["rho"] is None and one["kind"] == "rigorous" and "separation_deg" not in one


def test_without_a_certificate_the_reason_is_told(lodestone):
    teacher = write_teacher(lodestone, [10, 10.02], [1, -1])
    result = lodestone.done("certificate", teacher, "--out", "none")
    assert "parallel up to sign" in result.stdout
    found = read_json(lodestone.folder / "none/certificate.json")
    assert found["found"] is False and "rho" not in found and "function" not in found
    assert not (lodestone.folder / "none/figures").exists()


def test_what_is_printed_fits_a_screen(lodestone):
    text = lodestone.done("certificate", TEACHER).stdout
    assert len(text.splitlines()) <= 24
    assert "proven" in text and "rigorous" in text and ">       2" in text
    assert lodestone.done("certificate", TEACHER, "--quiet").stdout == ""


def test_same_bits_at_any_number_of_threads(lodestone):
    one, three = (
        lodestone.run_to(f"t{threads}", ["certificate", TEACHER, "--threads", threads])
        for threads in (1, 3)
    )
    assert tree(one) == tree(three)


def test_a_configuration_gives_it_again(lodestone, folder):
    again = lodestone.run_to("again", ["certificate", "--config", folder / "config.toml"])
    for file in ("certificate.json", "data/certificate.csv", "teacher.json"):
        assert (again / file).read_bytes() == (folder / file).read_bytes()


def test_a_folder_is_not_written_over(lodestone):
    lodestone.done("certificate", TEACHER, "--out", "one", "--quiet", "--proof-dimensions", 0)
    lodestone.refused("certificate", TEACHER, "--out", "one", says=["one", "--overwrite"])
    lodestone.done("certificate", TEACHER, "--out", "one", "--quiet", "--overwrite")


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], ["teacher", "give a teacher.json or random:"]),
        (["absent.json"], ["absent.json"]),
        ([TEACHER, "--order", 3], ["--order", "even"]),
        ([TEACHER, "--max-cells", 0], ["--max-cells", "at least 1"]),
        ([TEACHER, "--teacher", TEACHER], ["--teacher"]),
    ],
)
def test_unusable_input_is_refused(lodestone, arguments, says):
    lodestone.refused("certificate", *arguments, "--out", "none", says=says)
