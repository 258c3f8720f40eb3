"""What the program says of itself, and how it answers what it does not know."""

import pathlib
import re

import pytest
from conftest import SMALL, assert_refused

VERBS = ["fit", "select", "train", "sample", "predict", "certify", "verify", "certificate", "flow", "lab", "bench"]

CERTIFY = """data target delimiter weights exclude categories missing teacher lambda standardize
    tolerance rigorous bound-tolerance max-cells starts seed out overwrite config threads quiet
    json""".split()

# Flags that every script may rely on.
FLAGS = {
    "fit": """data target delimiter weights exclude categories missing validation test test-share
        teacher samples noise standardize biases folds lambdas lambda-ratio lambda select relaxed
        shape max-features gap-tolerance rigorous bootstrap seed max-seconds out overwrite config threads
        quiet json""".split(),
    "train": """teacher samples noise data target delimiter weights exclude categories missing
        validation test standardize biases test-share validation-share patience width seed
        schedule lambda-start lambda-end lambda-factor step tolerance absolute-tolerance max-steps max-seconds out
        overwrite resume config threads quiet json""".split(),
    "sample": "teacher samples noise seed out overwrite config threads quiet json".split(),
    "certify": CERTIFY,
    "verify": CERTIFY,
    "certificate": """teacher order proof-dimensions max-cells seed out overwrite config threads quiet
        json""".split(),
    "flow": """teacher samples noise init width seed init-scale lambda relative-tolerance
        absolute-tolerance death-share merge-angle-deg plateau-rate time tolerance max-steps max-seconds
        records-per-decade out overwrite config threads quiet json""".split(),
    "lab": "only quick broken seed out overwrite config threads quiet json".split(),
    "bench": "case size precision seconds out overwrite config threads quiet json".split(),
    "select": "features out overwrite config threads quiet json".split(),
    "predict": "delimiter out overwrite config threads quiet json".split(),
}


def described_flags(help_text):
    """Flag -> (placeholder, description) of a help text."""
    flags = {}
    name = None
    for line in help_text.splitlines():
        found = re.match(r"  (?:-\w,)?--([\w-]+)(?: (\S+))?( REQUIRED)?(?:\s\s+(.*))?$", line)
        if found:
            name = found[1]
            flags[name] = (found[2] or "", found[4] or "")
        elif name and line.startswith(" " * 20):
            flags[name] = (flags[name][0], (flags[name][1] + " " + line.strip()).strip())
        else:
            name = None
    return flags


@pytest.mark.parametrize("arguments", [["--help"], *[[verb, "--help"] for verb in VERBS]])
def test_help_goes_to_standard_output(lodestone, arguments):
    result = lodestone.done(*arguments)
    assert result.stderr == ""
    assert "Usage:" in result.stdout
    assert "Exit status: 0 done, 2 unusable input" in result.stdout


def test_help_lists_every_verb(lodestone):
    text = lodestone.done("--help").stdout
    for verb in VERBS:
        assert re.search(rf"^  {verb} +\S", text, re.MULTILINE), verb


def test_version_is_one_line(lodestone):
    result = lodestone.done("--version")
    assert re.fullmatch(r"lodestone \d+\.\d+\.\d+\n", result.stdout)
    assert result.stderr == ""


@pytest.mark.parametrize("verb", VERBS)
def test_help_describes_every_flag(lodestone, verb):
    """Every promised flag is there, and says what it does."""
    flags = described_flags(lodestone.done(verb, "--help").stdout)
    assert set(FLAGS[verb]) <= set(flags)
    for name, (_, description) in flags.items():
        assert len(description) >= 10, f"--{name} is not explained"


@pytest.mark.parametrize("verb", VERBS)
def test_help_gives_range_and_default_of_every_number(lodestone, verb):
    in_brackets = re.compile(r"\[[^]]+\]")
    a_range = re.compile(r"(>=|<=|>|<) ?\d|\d to \d|in [(\[]0, 1[)\]]")
    for name, (placeholder, text) in described_flags(lodestone.done(verb, "--help").stdout).items():
        if placeholder.split("|")[0] not in ("N", "M", "S", "P", "X"):
            continue
        assert in_brackets.search(text), f"--{name} does not say its default: {text}"
        assert a_range.search(text), f"--{name} does not say its range: {text}"


def test_documented_options_are_up_to_date(lodestone):
    """docs/options.md is what the program writes of its own records."""
    documented = pathlib.Path(__file__).parents[2] / "docs" / "options.md"
    assert lodestone.done("options").stdout == documented.read_text()


@pytest.mark.parametrize("wrong, right", [("trian", "train"), ("pedict", "predict")])
def test_unknown_verb_suggests_the_nearest(lodestone, wrong, right):
    lodestone.refused(wrong, says=[wrong, f"did you mean '{right}'?"])


def test_unknown_flag_in_place_of_a_verb_suggests_the_nearest(lodestone):
    lodestone.refused("--versoin", says=["flag", "'--versoin'", "did you mean '--version'?"])


@pytest.mark.parametrize(
    "verb, wrong, right",
    [
        ("fit", "--lamdba-ratio", "--lambda-ratio"),
        ("train", "--widht", "--width"),
        ("train", "--lambda-strat=0.1", "--lambda-start"),
        ("sample", "--smaples", "--samples"),
        ("predict", "--overwirte", "--overwrite"),
    ],
)
def test_unknown_flag_suggests_the_nearest(lodestone, verb, wrong, right):
    lodestone.refused(verb, wrong, "4", says=[wrong.split("=")[0], f"did you mean '{right}'?"])


def test_suggestions_are_plausible(lodestone):
    """A name that resembles nothing gets no suggestion."""
    assert "did you mean" not in lodestone.refused("train", "--zzz")
    assert "did you mean" not in lodestone.refused("predict", "a", "b", "--nois")


@pytest.mark.parametrize(
    "arguments, right",
    [
        (["fit", "--lambda-rat", "1"], "--lambda-ratio"),
        (["train", "--stand", "none"], "--standardize"),
        (["cert"], "certify"),
        (["Train"], "train"),
    ],
)
def test_the_beginning_of_a_name_suggests_it(lodestone, arguments, right):
    lodestone.refused(*arguments, says=f"did you mean '{right}'?")


def test_the_beginning_of_a_configuration_key_suggests_it(lodestone, tmp_path):
    (tmp_path / "run.toml").write_text("standard = 'none'\n")
    lodestone.refused("fit", "--config", "run.toml", says="did you mean 'standardize'?")


@pytest.mark.parametrize("option", ["target", "weights", "exclude"])
def test_the_beginning_of_a_column_suggests_it(lodestone, tmp_path, option):
    """As in the names of the yacht table: residuary for residuary_resistance."""
    (tmp_path / "yacht.csv").write_text("froude_number,beam,residuary_resistance\n0.1,2,3\n0.2,1,4\n")
    words = ["yacht.csv", "--target", "beam"]
    if option == "target":
        words = ["yacht.csv"]
    for wrong in ["residuary", "Residuary_Resistance"]:
        lodestone.refused(
            *["fit", *words, f"--{option}", wrong],
            says=[f"--{option}: ", f"'{wrong}'", "did you mean 'residuary_resistance'?"],
        )


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["train", "--width"], "--width"),
        ([*SMALL, "extra"], "extra"),
        ([*SMALL, "--threads", "two"], ["threads", "two"]),
        ([*SMALL, "--threads", "0"], ["threads", "at least 1"]),
        ([*SMALL, "--quiet=3"], "quiet"),
        (["predict"], "MODEL"),
        (["predict", "model.json"], "DATA"),
        (["sample"], "--teacher"),
        (["fit"], ["--teacher", "--data"]),
        (["train"], ["--teacher", "--data"]),
        ([*SMALL, "--data", "table.csv", "--target", "y"], ["--teacher", "--data"]),
    ],
)
def test_incomplete_or_contradictory_commands_are_refused(lodestone, arguments, says):
    lodestone.refused(*arguments, says=says)


def test_error_survives_a_full_standard_error(lodestone):
    """The exit status tells, even where the line cannot be written."""
    with open("/dev/full", "w") as full:
        assert lodestone("bogus", stderr=full).returncode == 2


def test_lost_output_is_an_error(lodestone):
    """A summary or table that could not be written to standard output is not exit status 0."""
    with open("/dev/full", "w") as full:
        for arguments in [[*SMALL, "--json"], SMALL, ["--help"]]:
            result = lodestone(*arguments, stdout=full)
            assert result.returncode == 2, arguments
            assert "lodestone: error: standard output" in result.stderr


def test_config_keys_are_checked(lodestone, tmp_path):
    """Unknown keys are refused with file, line and the nearest name."""
    (tmp_path / "run.toml").write_text('teacher = "random:d=4,k=2"\n\nwdith = 8\n')
    lodestone.refused(
        "train", "--config", "run.toml", says=["run.toml:3: ", "'wdith'", "did you mean 'width'?"]
    )


@pytest.mark.parametrize(
    "text, says",
    [
        ("width = \n", "run.toml:1: "),
        ("seed = 1\nwidth = 7\n", ["width", "even"]),
        ("seed = 1\nwidth = 'wide'\n", ["run.toml:2: ", "width", "whole number"]),
        ("[train]\nwidth = 8\n", ["run.toml:1: ", "'train'"]),
        ("width = [8]\n", ["run.toml:1: ", "'width'"]),
        ("width = 8\nwidth = 10\n", ["run.toml:2: ", "width"]),
    ],
)
def test_bad_config_is_refused(lodestone, tmp_path, text, says):
    (tmp_path / "run.toml").write_text(text)
    lodestone.refused(
        "train", "--teacher", "random:d=4,k=2", "--config", "run.toml", "--out", "run", says=says
    )


def test_missing_config_is_refused(lodestone):
    assert_refused(lodestone("train", "--config", "absent.toml"), ["absent.toml", "No such file"])
