"""The commands of README and docs/command-line.md print what these pages show."""

import os
import pathlib
import re
import shlex

import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
RUN = (REPOSITORY / "run").read_text(encoding="utf-8")


def block_after(page, words):
    """The first block of code after these words."""
    return page.split(words, 1)[1].split("```\n", 2)[1]


def commands(block):
    return [shlex.split(line)[1:] for line in block.splitlines() if line.startswith("lodestone ")]


def demo():
    """The command that `./run demo` runs."""
    return [shlex.split(re.search(r'^demo="\$app (.*)"$', RUN.replace("\\\n", ""), re.MULTILINE)[1])]


@pytest.fixture
def fused():
    """The environment for the bits of processors with fused multiply-adds (docs/architecture.md, Same bits)."""
    processor = pathlib.Path("/proc/cpuinfo")
    if not processor.exists() or " fma " not in processor.read_text():
        pytest.skip("the pages' last digits are those of processors with fused multiply-adds")
    return {name: value for name, value in os.environ.items() if name != "LODESTONE_INSTRUCTIONS"}


@pytest.mark.parametrize(
    "lines, shown",
    [
        (demo(), block_after(COMMAND_LINE, "prints what was found:")),
        (
            commands(block_after(COMMAND_LINE, "with 10% noise:")),
            block_after(COMMAND_LINE, "It prints, here with lines left out"),
        ),
        (commands(block_after(README, "fitted and predicted:")), block_after(README, "The curve:")),
    ],
    ids=["demo", "table", "readme"],
)
def test_the_pages_show_what_is_printed(lodestone, fused, lines, shown):
    printed = "".join(lodestone.done(*line, env=fused).stdout for line in lines).splitlines()

    def without_seconds(line):
        return re.sub(r", [0-9.]+ s$", "", line).rstrip()

    printed = [without_seconds(line) for line in printed]
    missing = [line for line in map(without_seconds, shown.splitlines()) if line not in printed]
    assert not missing


@pytest.mark.parametrize("page", [README, COMMAND_LINE], ids=["README", "command-line"])
def test_the_path_that_the_pages_name_is_where_run_leaves_the_program(page):
    folder = re.search(r"^bin=(\S+)$", RUN, re.MULTILINE)[1]
    assert f'./run build\nexport PATH="$PWD/{folder}:$PATH"\n' in page


def test_links_of_readme_lead_somewhere():
    links = [link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", README)]
    assert len(links) > 10
    for path, _, heading in links:
        assert (REPOSITORY / path).exists(), path
        text = (REPOSITORY / path).read_text(encoding="utf-8") if heading else ""
        headings = [title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
        assert not heading or heading in headings, heading
