"""What a person meets in the first five minutes: help, the words of a command, completion, manual
pages."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import PROGRAM, TEACHER, features, read_json

VERBS = """train fit select sample predict certify verify sweep lab bench help version completion
    man""".split()
SHORT = ["--lambdas", 6, "--lambda-ratio", 0.02]
SHELLS = ["bash", "zsh", "fish"]


def shell(name):
    """The program of a shell, or the test is skipped."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"no {name}: ./run test installs it on Debian")
    return found


# ---- the table and its target as words


@pytest.mark.parametrize("verb, settings", [("fit", SHORT), ("train", ["--width", 20, "--seed", 1])])
def test_table_and_target_may_stand_without_flags(lodestone, table_file, verb, settings):
    flags = ["--data", "table.csv", "--target", "target"]
    named = lodestone.run_to("named", [verb, *flags, *settings])
    plain = lodestone.run_to("plain", [verb, "table.csv", "target", *settings])
    assert features(plain) == features(named)
    assert (plain / "config.toml").read_text() == (named / "config.toml").read_text()
    # One of them may be a flag.
    mixed = lodestone.run_to("mixed", [verb, "table.csv", "--target", "target", *settings])
    assert features(mixed) == features(named)


@pytest.mark.parametrize("verb", ["fit", "train"])
def test_a_word_and_its_flag_are_refused_together(lodestone, table_file, verb):
    lodestone.refused(
        *[verb, "table.csv", "target", "--data", "other.csv"],
        says=["--data: ", "'other.csv'", "'table.csv'", "one or the other"],
    )
    lodestone.refused(
        *[verb, "table.csv", "target", "--target", "a"],
        says=["--target: ", "'a'", "'target'", "one or the other"],
    )
    lodestone.refused(
        *[verb, "table.csv", "--teacher", TEACHER], says=["--data: ", "'table.csv'", "--teacher"]
    )
    lodestone.refused(verb, "table.csv", "target", "more", says="more")


def test_a_word_wins_over_the_configuration(lodestone, table_file):
    (lodestone.folder / "fit.toml").write_text('data = "absent.csv"\ntarget = "b"\n')
    run = lodestone.run_to("run", ["fit", "table.csv", "target", "--config", "fit.toml", *SHORT])
    assert read_json(run / "model.json")["target"] == "target"


# ---- help


def test_without_a_word_the_program_explains_itself(lodestone):
    assert lodestone.done().stdout == lodestone.done("--help").stdout
    assert lodestone.done("help").stdout == lodestone.done("--help").stdout
    assert lodestone.done("help", "fit").stdout == lodestone.done("fit", "--help").stdout
    assert lodestone.done("version").stdout == lodestone.done("--version").stdout


def test_help_of_an_unknown_verb_suggests_the_nearest(lodestone):
    lodestone.refused("help", "fti", says=["'fti'", "did you mean 'fit'?"])
    lodestone.refused("man", "fti", says=["'fti'", "did you mean 'fit'?"])
    lodestone.refused("help", "fit", "train", says="train")


def columns(columns):
    return {**os.environ, "COLUMNS": str(columns)}


def without_columns():
    return {name: value for name, value in os.environ.items() if name != "COLUMNS"}


@pytest.mark.parametrize("verb", [None, *VERBS])
@pytest.mark.parametrize("width", [None, 80, 60, 40, 132])
def test_no_line_of_help_is_wider_than_the_terminal(lodestone, verb, width):
    words = [verb, "--help"] if verb else ["--help"]
    environment = columns(width) if width else without_columns()
    text = lodestone.done(*words, env=environment).stdout
    wide = [line for line in text.splitlines() if len(line) > (width or 80)]
    assert wide == []
    assert "\n\n\n" not in text
    # The same words in the same order, whatever the width: none is broken.
    assert text.split() == lodestone.done(*words, env=columns(1000)).stdout.split()


def test_help_starts_with_a_command_that_can_be_typed(lodestone):
    """Whatever folder the program was started from."""
    usage = {verb: lodestone.done(verb, "--help").stdout for verb in ["fit", "predict"]}
    assert "\nUsage: lodestone fit [OPTIONS] [DATA] [TARGET]\n" in usage["fit"]
    assert "\nUsage: lodestone predict [OPTIONS] MODEL DATA\n" in usage["predict"]
    assert "\nUsage: lodestone VERB [OPTIONS]\n" in lodestone.done("--help").stdout


def test_help_keeps_the_groups_of_the_records(lodestone):
    """The headings of help are those of docs/options.md, in its order; what all verbs have is last."""
    headings = re.findall(r"^(\S[^:\n]*):$", lodestone.done("fit", "--help").stdout, re.MULTILINE)
    documented = lodestone.done("options").stdout.split("## lodestone fit\n")[1].split("\n## ")[0]
    groups = re.findall(r"^### (.*)$", documented, re.MULTILINE)
    assert [name for name in headings if name in groups] == groups
    assert headings[0] == "Arguments" and headings[-2:] == ["Options", "Examples"]


@pytest.mark.parametrize("verb", ["fit", "sample", "predict", "train"])
def test_examples_of_help_name_flags_that_exist(lodestone, verb):
    text = lodestone.done(verb, "--help").stdout
    examples = text.split("\nExamples:\n")[1]
    commands = re.findall(r"^  lodestone (\w+)(.*(?:\n    \S.*)*)$", examples, re.MULTILINE)
    assert commands
    for named, words in commands:
        assert named == verb
        for flag in re.findall(r"--[\w-]+", words):
            assert re.search(rf"^  {flag}\b", text, re.MULTILINE), flag


# ---- completion


def completed(script, *words):
    """What bash offers for the last of the words."""
    simulation = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_lodestone
printf '%s\\n' "${COMPREPLY[@]}"
"""
    result = subprocess.run(
        [shell("bash"), "--norc", "-c", simulation, "bash", str(script), *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return result.stdout.split()


@pytest.fixture
def bash_script(lodestone):
    path = lodestone.folder / "completion.bash"
    path.write_text(lodestone.done("completion", "bash").stdout)
    return path


def test_bash_completes_verbs_and_flags(bash_script):
    assert completed(bash_script, "lodestone", "fi") == ["fit"]
    assert set(VERBS) <= set(completed(bash_script, "lodestone", ""))
    assert completed(bash_script, "lodestone", "fit", "--sta") == ["--standardize"]
    assert completed(bash_script, "lodestone", "train", "--resu") == ["--resume"]
    assert completed(bash_script, "lodestone", "sample", "--sta") == []
    assert completed(bash_script, "lodestone", "help", "pre") == ["predict"]
    assert completed(bash_script, "lodestone", "completion", "z") == ["zsh"]


def test_bash_completes_values_with_fixed_choices(bash_script):
    values = completed(bash_script, "lodestone", "fit", "--standardize", "")
    assert sorted(values) == ["auto", "none", "scale", "whiten"]
    assert completed(bash_script, "lodestone", "fit", "--relaxed", "al") == ["always"]
    assert completed(bash_script, "lodestone", "fit", "--standardize", "=", "w") == ["whiten"]
    # Elsewhere the shell completes files.
    assert completed(bash_script, "lodestone", "fit", "--data", "") == []
    assert completed(bash_script, "lodestone", "fit", "tab") == []
    assert re.search("^complete .*-o default", bash_script.read_text(), re.MULTILINE)


def test_offered_values_are_accepted(lodestone, bash_script, table_file):
    for flag in ["standardize", "biases", "precision", "family", "relaxed", "select"]:
        values = completed(bash_script, "lodestone", "fit", f"--{flag}", "")
        assert len(values) >= 2, flag
        for value in values:
            # What is refused is the table, which is not there: the flags were read before.
            lodestone.refused(
                *["fit", "absent.csv", "y", f"--{flag}", value],
                says=["absent.csv", "No such file"],
            )


@pytest.mark.parametrize("name", SHELLS)
def test_completion_is_valid_in_its_shell(lodestone, name):
    script = lodestone.done("completion", name).stdout
    for part in ["standardize", "whiten", "certify", "resume"]:
        assert part in script
    file = lodestone.folder / "script"
    file.write_text(script)
    result = subprocess.run([shell(name), "-n", str(file)], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == "", result.stderr


def test_completion_of_another_shell_is_refused(lodestone):
    lodestone.refused("completion", "tcsh", says=["SHELL", "'tcsh'", "bash, zsh or fish"])
    lodestone.refused("completion", says="SHELL")


# ---- manual pages


@pytest.fixture
def pages(lodestone):
    lodestone.done("man", "--out", "man")
    return lodestone.folder / "man"


def test_every_verb_has_a_manual_page(lodestone, pages):
    written = {path.name for path in pages.iterdir()}
    assert {"lodestone.1", *[f"lodestone-{verb}.1" for verb in VERBS]} <= written
    assert (pages / "lodestone-fit.1").read_text() == lodestone.done("man", "fit").stdout
    assert (pages / "lodestone.1").read_text() == lodestone.done("man").stdout
    for page in pages.iterdir():
        text = page.read_text()
        assert text.startswith(".TH LODESTONE")
        sections = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
        assert sections[:2] == ["NAME", "SYNOPSIS"]
        assert {"EXIT STATUS", "SEE ALSO"} <= set(sections)
        # A line that begins with a dot is a request that is known.
        requests = {line.split()[0] for line in text.splitlines() if line.startswith(".")}
        assert requests <= {".TH", ".SH", ".SS", ".TP", ".B", ".BR"}
        assert not any(line.startswith("'") for line in text.splitlines())


def test_a_manual_page_names_every_flag(lodestone, pages):
    flags = re.findall(r"^  (--[\w-]+)", lodestone.done("fit", "--help").stdout, re.MULTILINE)
    text = (pages / "lodestone-fit.1").read_text().replace("\\-", "-")
    assert len(flags) > 20
    for flag in flags:
        assert f"\\fB{flag}\\fR" in text, flag


def test_manual_pages_can_be_shown(pages):
    """By groff or mandoc, without a warning."""
    if shutil.which("groff"):
        command = ["groff", "-man", "-Tutf8", "-ww"]
    elif shutil.which("mandoc"):
        command = ["mandoc", "-W", "error"]
    else:
        pytest.skip("no groff and no mandoc: ./run test installs groff on Debian")
    for page in sorted(pages.iterdir()):
        result = subprocess.run([*command, str(page)], capture_output=True, text=True)
        assert result.returncode == 0 and result.stderr == "", (page.name, result.stderr)
        assert "EXIT STATUS" in re.sub(r"\x1b\[[\d;]*m|.\x08", "", result.stdout)


def test_installed_pages_lie_beside_the_program():
    """The build writes them where the installation takes them from."""
    share = pathlib.Path(PROGRAM).parent / "share"
    if not share.is_dir():
        pytest.skip("LODESTONE names an installed program, which has no folder of pages beside it")
    assert (share / "man" / "lodestone-fit.1").is_file()
    for script in ["lodestone", "_lodestone", "lodestone.fish"]:
        assert (share / script).stat().st_size > 1000
