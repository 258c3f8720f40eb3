"""Every example runs, says what it promises, and has its place in the gallery."""

import subprocess
import sys

import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "docs"))
import gallery  # noqa: E402

EXAMPLES = REPOSITORY / "examples"
SAYS = {
    "first_fit": "y = intercept + linear part + 3 features",
    "recover_teacher": "4 of 4 hidden directions recovered",
    "diabetes": "features: 1, at lambda",
    "certify_mlp": "lodestone:    penalized loss",
    "sweep": "width  100: all directions recovered in 4 of 4 runs",
    "story": "3 of 3 recovered",
}


def test_all_are_listed():
    names = {file.stem for file in EXAMPLES.glob("*.py")}
    assert names == set(SAYS)
    assert names == set(gallery.PICTURES)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}.py` |" in readme for name in names)


def test_the_gallery_is_what_the_programs_say():
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page(), "./run gallery writes the page"
    shown = {file.name for file in gallery.IMAGES.iterdir()}
    assert shown == set(gallery.PICTURES.values())


@pytest.mark.parametrize("name", SAYS)
def test_example(name, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--figures", tmp_path],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout
    drawn = {file.name for file in tmp_path.iterdir()}
    assert gallery.PICTURES[name] in drawn
    if name == "story":
        pictures = ["timeline", "neurons", "certificate", "path", "features", "loadings"]
        assert drawn == {f"story_{picture}.svg" for picture in pictures}
