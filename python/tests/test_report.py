"""The page about a run, opened in a real browser and looked at."""

import io
import shutil
import subprocess

import numpy as np
import pytest
from conftest import PROGRAM, command_line, ridge_rows

import lodestone


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, headless; ./run installs it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_window_size(1000, 1400)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    X, y = ridge_rows(100, 3)
    np.savetxt(folder / "t.csv", np.column_stack([X, y]), delimiter=",", header="a,b,<c>,y",
               comments="", fmt="%.17g")
    command_line("fit", "--data", folder / "t.csv", "--target", "y", "--lambdas", "6",
                 "--lambda-ratio", "0.02", "--bootstrap", "4", "--test-share", "0.2", "--out", "fit",
                 cwd=folder)
    command_line("train", "--teacher", "random:d=5,k=2,seed=0", "--width", "20", "--tolerance",
                 "1e-5", "--out", "train", cwd=folder)
    return folder


@pytest.mark.parametrize(
    "run, captions, words",
    [
        ("fit", ["The path over the weight decay", "Learned features", "Loadings"],
         ["Certificate", "test R²", "How to repeat it", "<c>"]),
        ("train",
         ["The course of training", "Learned features", "Loadings", "The dual certificate"],
         ["Hidden directions", "recovered", "How to repeat it"]),
    ],
)
def test_every_figure_is_there(browser, runs, python_of_tests, run, captions, words):
    from PIL import Image

    command_line("report", run, "--overwrite", cwd=runs)
    browser.get((runs / run / "report.html").as_uri())
    assert browser.get_log("browser") == []
    figures = browser.find_elements("css selector", "figure")
    assert [one.find_element("css selector", "figcaption").text for one in figures] == captions
    for figure in figures:
        image = figure.find_element("css selector", "img")
        loaded = browser.execute_script("return [arguments[0].complete, "
                                        "arguments[0].naturalWidth]", image)
        assert loaded[0] and loaded[1] > 300
        # What the browser shows of it is a picture, not a blank.
        browser.execute_script("arguments[0].scrollIntoView()", figure)
        shot = Image.open(io.BytesIO(image.screenshot_as_png)).convert("L")
        assert np.asarray(shot).std() > 5.0
    text = browser.find_element("css selector", "body").text
    for word in words:
        assert word in text
    width = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "the page must not scroll sideways"


def test_the_page_needs_nothing_from_outside(runs):
    lodestone.report(runs / "fit", runs / "page.html")
    text = (runs / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text and "http" not in text.replace("data:image", "")
    assert "&lt;c&gt;" in text
    before = (runs / "page.html").read_bytes()
    lodestone.report(runs / "fit", runs / "page.html", overwrite=True)
    assert (runs / "page.html").read_bytes() == before


def test_a_table_that_has_gone_is_said(runs, tmp_path):
    shutil.copytree(runs / "fit", tmp_path / "fit")
    config = tmp_path / "fit" / "config.toml"
    config.write_text(config.read_text().replace("t.csv", "gone.csv"))
    page = lodestone.report(tmp_path / "fit", overwrite=True)
    assert "Features are shown without rows" in page.read_text(encoding="utf-8")


def test_what_is_no_run_is_refused(runs, tmp_path, python_of_tests):
    with pytest.raises(FileNotFoundError, match="must be the folder of a finished run"):
        lodestone.report(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(OSError, match="damaged"):
        lodestone.report(tmp_path)
    (tmp_path / "summary.json").write_text('{"command": "sweep"}')
    with pytest.raises(OSError, match="'sweep'"):
        lodestone.report(tmp_path)
    lodestone.report(runs / "train", overwrite=True)
    for arguments in (["report", "train"], ["report", "absent"], ["report"], ["report", "--no"]):
        done = subprocess.run([PROGRAM, *arguments], cwd=runs, capture_output=True, text=True)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith("lodestone: error: ") and done.stderr.count("\n") == 1
