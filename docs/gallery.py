"""Writes docs/gallery.md and its pictures from the programs in examples/; `./run gallery` starts it."""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gallery.md"
IMAGES = ROOT / "docs" / "images" / "gallery"

# The programs in the order of the page, each with the picture that is shown of it.
PICTURES = {
    "first_fit": "first_fit.svg",
    "diabetes": "diabetes.svg",
    "recover_teacher": "recover_teacher.svg",
    "story": "story_certificate.svg",
    "certify_mlp": "certify_mlp.svg",
    "sweep": "sweep.svg",
}

HEAD = """\
# Gallery

Each picture is drawn by a short program. `./run gallery` runs them all and writes this page; one alone is run by
`python examples/NAME.py --figures FOLDER`. Programs in C++ are listed in [examples](../examples/README.md).
"""

ENTRY = """
## {title}

{paragraph}

![{title}](images/gallery/{picture})

The program: [examples/{name}.py](../examples/{name}.py)
"""


def program(name):
    return ROOT / "examples" / f"{name}.py"


def entry(name, picture):
    """A program's part of the page: its docstring's title and first paragraph, its picture and its code."""
    docstring = ast.get_docstring(ast.parse(program(name).read_text(encoding="utf-8")))
    title, paragraph = docstring.split("\n\n")[:2]
    return ENTRY.format(title=title, paragraph=paragraph, picture=picture, name=name)


def page():
    return HEAD + "".join(entry(name, picture) for name, picture in PICTURES.items())


def draw(name, picture):
    """Runs a program and keeps its picture, without the date."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, program(name), "--figures", folder],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
        )
        shutil.copy(Path(folder, picture), IMAGES / picture)


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        draw(name, picture)
    PAGE.write_text(page(), encoding="utf-8")
