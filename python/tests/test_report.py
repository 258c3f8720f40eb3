"""The page about a run, opened in a real browser and looked at."""

import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import PROGRAM, class_rows, command_line, count_rows, quick, quick_classifier, ridge_rows
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


@pytest.fixture(scope="module")
def pages(runs):
    """The pages that the command line makes, by run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_PYTHON", sys.executable)
        for run in ("fit", "train"):
            command_line("report", run, "--overwrite", cwd=runs)
    return {run: runs / run / "report.html" for run in ("fit", "train")}


@pytest.mark.parametrize(
    "run, captions, words",
    [
        ("fit",
         ["Predicted against observed", "Error against the number of features", "Feature 1",
          "y over the first direction", "The path over the weight decay"],
         ["What y depends on", "Linear part and intercept", "Which columns matter", "Certificate",
          "test R²", "How to repeat it", "<c>"]),
        ("train",
         ["The course of training", "Feature 1", "Feature 2", "The dual certificate"],
         ["Hidden directions", "recovered", "How to repeat it"]),
    ],
)
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_figure_is_there(browser, pages, run, captions, words, width, mode):
    from PIL import Image

    show(browser, pages[run], width, mode)
    assert browser.get_log("browser") == []
    figures = browser.find_elements("css selector", "figure")
    found = [one.find_element("css selector", "figcaption").get_attribute("textContent")
             for one in figures]
    for caption in captions:
        assert any(one.startswith(caption) for one in found), caption
    for figure in figures:
        picture = figure.find_element("css selector", "svg")
        assert picture.size["width"] > 250 and picture.size["height"] > 100
        # What the browser shows of it is a picture, not a blank.
        browser.execute_script("arguments[0].scrollIntoView()", figure)
        shot = np.asarray(Image.open(io.BytesIO(picture.screenshot_as_png)).convert("L"))
        assert shot.std() > 5.0
        assert (np.median(shot) < 60) == (mode == "dark"), "pictures follow the page's colours"
    text = browser.find_element("css selector", "body").text
    for word in words:
        assert word in text
    assert overflowing(browser) == []


def show(browser, page, width, mode="light"):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": 1400, "deviceScaleFactor": 1,
                             "mobile": width < 500})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                            {"features": [{"name": "prefers-color-scheme", "value": mode}]})
    browser.get(page.as_uri())


def overflowing(browser):
    """What sticks out of the window, or of the picture it belongs to, unless a box of its own scrolls."""
    return browser.execute_script("""
      const out = [], wide = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth > wide) out.push("the page");
      for (const one of document.querySelectorAll("body *")) {
        if (one.closest(".scroll, pre") && !one.matches(".scroll, pre")) continue;
        const box = one.getBoundingClientRect();
        if (!box.width || !box.height) continue;
        let left = 0, right = wide, what = one.tagName + " " + one.textContent.trim().slice(0, 40);
        if (one.tagName === "text") {
          const picture = one.closest("svg").getBoundingClientRect();
          left = picture.left; right = picture.right;
          if (box.top < picture.top - 2 || box.bottom > picture.bottom + 2) out.push("above " + what);
        } else if (one.closest("svg") && one.tagName !== "svg") continue;
        if (box.left < left - 2 || box.right > right + 2) out.push(what);
      }
      return out;""")


def test_the_page_needs_nothing_from_outside(runs):
    lodestone.report(runs / "fit", runs / "page.html")
    text = (runs / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text and "http" not in text and "url(" not in text.replace("url(#", "")
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


def test_the_page_is_the_model(runs):
    """Intercept, linear part and every feature are told, so that predictions follow from the page."""
    page = lodestone.report(runs / "fit", overwrite=True).read_text(encoding="utf-8")
    whole = page[page.index("The whole model"):page.index("Which columns matter")]
    lines = [re.findall(r"<td[^>]*>(?:<bdi>)?([^<]*)", line) for line in whole.split("<tr")[2:]]

    def number(text):
        if "·10" in text:
            mantissa, power = text.split("·10")
            plain = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
            text = f"{mantissa}e{plain}"
        return float(text.replace("−", "-"))

    model = lodestone.Model.read(str(runs / "fit" / "model.json"))
    table = np.array([[number(cell) for cell in line[1:]] for line in lines[:3]])
    assert [line[0] for line in lines[:3]] == ["a", "b", "&lt;c&gt;"]
    bias, amplitude = (np.array([number(cell) for cell in line[2:]]) for line in lines[3:5])
    intercept = number(re.search(r"</bdi> = (\S+) \+ linear part", page).group(1))
    X, _ = ridge_rows(50, 3, seed=7)
    told = intercept + X @ table[:, 0] + np.maximum(X @ table[:, 1:] + bias, 0.0) @ amplitude
    predicted = model.predict(X)
    assert told == pytest.approx(predicted, abs=3e-3 * predicted.std())


def test_models_pipelines_and_searches_have_a_page(tmp_path, monkeypatch):
    X, y = ridge_rows(80, 3)
    fitted = quick().fit(X, y)
    pipeline = make_pipeline(StandardScaler(), quick()).fit(X, y)
    search = GridSearchCV(make_pipeline(StandardScaler(), quick()),
                          {"lodestoneregressor__max_features": [1, 2]}, cv=2).fit(X, y)
    trained = lodestone.train(X, y, width=20, max_steps=300)
    for i, held in enumerate((fitted, fitted.model_, pipeline, search, trained)):
        bare = lodestone.report(held, tmp_path / f"{i}.html").read_text(encoding="utf-8")
        assert "What <bdi>y</bdi> depends on" in bare and "Predicted against observed" not in bare
        shown = lodestone.report(held, tmp_path / f"{i}.html", X=X, y=y, overwrite=True)
        assert "Predicted against observed" in shown.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert str(lodestone.report(fitted)) == "report.html"
    with pytest.raises(FileExistsError, match="overwrite=True"):
        lodestone.report(fitted)
    for wrong, named in ((object(), "got object"), (StandardScaler().fit(X), "got StandardScaler")):
        with pytest.raises(TypeError, match=named):
            lodestone.report(wrong, tmp_path / "no.html")
    with pytest.raises(ValueError, match="one without the other"):
        lodestone.report(fitted, tmp_path / "no.html", X=X)
    with pytest.raises(ValueError, match="4 columns; the model has 3"):
        lodestone.report(fitted, tmp_path / "no.html", X=np.ones((5, 4)), y=np.ones(5))
    with pytest.raises(NotFittedError):
        lodestone.report(quick(), tmp_path / "no.html")
    assert not (tmp_path / "no.html").exists()


def test_the_page_of_a_classifier(browser, tmp_path):
    X, y = class_rows()
    names = np.array(["no", "yes <b>"])[y]
    page = lodestone.report(quick_classifier().fit(X, names), tmp_path / "classes.html", X=X, y=names)
    for width in (1200, 390):
        show(browser, page, width)
        assert browser.get_log("browser") == [] and overflowing(browser) == []
        text = browser.find_element("css selector", "body").text
        for words in ("log odds (y = yes <b>) = ", "the log of the odds of y = yes <b>", "of the deviance",
                      "Predicted probability against observed share", "mean probability",
                      "share observed", "held-out error, of the deviance", "score’s variance"):
            assert words in text, words
        assert "R²" not in text and "variance of the prediction" not in text
    captions = [one.get_attribute("textContent")
                for one in browser.find_elements("css selector", "figcaption")]
    assert any(one.startswith("Feature 1") for one in captions)
    # The table has what the picture shows: ten groups of thirty rows.
    lines = [line for line in text.splitlines() if line.startswith("30 ") and "±" in line]
    assert len(lines) == 10
    with pytest.raises(ValueError, match="y: got 'maybe' in row 0"):
        lodestone.report(quick_classifier(weight_decay=0.05).fit(X, names), tmp_path / "no.html", X=X,
                         y=["maybe"] * len(y))


@pytest.mark.parametrize("family", ["logistic", "poisson", "huber"])
def test_pages_of_runs_know_their_family(family, tmp_path):
    X, y = class_rows() if family == "logistic" else count_rows()
    np.savetxt(tmp_path / "t.csv", np.column_stack([X, y]), delimiter=",", header="a,b,c,d,n",
               comments="", fmt="%.17g")
    command_line("fit", "--data", tmp_path / "t.csv", "--target", "n", "--family", family, "--lambdas",
                 "6", "--lambda-ratio", "0.02", "--test-share", "0.2", "--out", "run", cwd=tmp_path)
    text = lodestone.report(tmp_path / "run").read_text(encoding="utf-8")
    said = {"logistic": ["log odds (n = 1)", "the log loss is", "the accuracy", "test accuracy",
                         "Predicted probability against observed share", "mean probability"],
            "poisson": ["log mean (n)", "the log of the mean of n", "Predicted against observed"],
            "huber": ["Predicted against observed", "R² is"]}
    for words in [*said[family], "of the deviance", "test deviance explained"]:
        assert words in text, words
    assert "test R²" not in text and "of the variance (5-fold" not in text


def test_hundreds_of_features_are_eight_pictures_and_a_table(browser, tmp_path):
    random = np.random.default_rng(0)
    network = lodestone.Network(random.normal(size=300), random.normal(size=(300, 30)),
                                random.normal(size=300))
    page = lodestone.report(network, tmp_path / "wide.html")
    show(browser, page, 390)
    assert len(browser.find_elements("css selector", ".feature svg")) == 8
    assert "The other 292" in browser.find_element("css selector", "body").text
    assert overflowing(browser) == []
    assert page.stat().st_size < 1_000_000


def test_names_are_text_and_stay_inside(browser, tmp_path):
    pandas = pytest.importorskip("pandas")
    names = ["cost_$_per_$", "\\alpha_{x}^2", "\u5e74\u9f84\uff08\u5c81\uff09", "\u05d8\u05de\u05e4", "<script>alert(1)</script>",
             "x" * 200, "{{ 7 * 7 }}", "line\nbreak"]
    random = np.random.default_rng(2)
    X = pandas.DataFrame(random.normal(size=(120, len(names))), columns=names)
    y = pandas.Series(np.abs(X.to_numpy()[:, :4].sum(axis=1)) + X.to_numpy()[:, 4:].sum(axis=1),
                      name="a_$long$_" + "y" * 150)
    page = lodestone.report(quick().fit(X, y), tmp_path / "names.html", X=X, y=y)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text and "mathdefault" not in text
    for width in (390, 1200):
        show(browser, page, width)
        assert overflowing(browser) == []
        shown = browser.find_element("css selector", "body").text
        for name in names:
            assert " ".join(name.split()) in shown


def test_the_settings_of_matplotlib_change_nothing(runs, tmp_path):
    import matplotlib

    plain = lodestone.report(runs / "fit", tmp_path / "plain.html").read_bytes()
    theirs = {"text.usetex": True, "svg.fonttype": "path", "font.size": 40, "lines.linewidth": 9}
    with matplotlib.rc_context(theirs):
        assert lodestone.report(runs / "fit", tmp_path / "theirs.html").read_bytes() == plain


def test_a_name_with_a_comma_is_excluded_again(tmp_path):
    X, y = ridge_rows(60, 3)
    rows = np.column_stack([np.arange(60), X, y])
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header='"id, ""old""",a,b,c,y', comments="",
               fmt="%.17g")
    command_line("fit", "--data", tmp_path / "t.csv", "--target", "y", "--exclude",
                 '"id, ""old"""', "--lambdas", "4", "--out", "run", cwd=tmp_path)
    page = lodestone.report(tmp_path / "run").read_text(encoding="utf-8")
    assert "shown without rows" not in page and "Predicted against observed" in page


def test_the_table_is_found_from_any_folder(tmp_path, monkeypatch):
    """Its path in the run's configuration is relative to where the run was made."""
    work, elsewhere = tmp_path / "first", tmp_path / "elsewhere"
    work.mkdir()
    elsewhere.mkdir()
    X, y = ridge_rows(60, 3)
    np.savetxt(work / "t.csv", np.column_stack([X, y]), delimiter=",", header="a,b,c,y", comments="",
               fmt="%.17g")
    command_line("fit", "t.csv", "y", "--lambdas", "4", "--out", "run", cwd=work)
    monkeypatch.chdir(elsewhere)
    page = lodestone.report("../first/run").read_text(encoding="utf-8")
    assert "shown without rows" not in page and "Predicted against observed" in page
    work.rename(tmp_path / "moved")
    page = lodestone.report("../moved/run", overwrite=True).read_text(encoding="utf-8")
    assert "shown without rows" not in page and "Predicted against observed" in page


def test_a_table_that_has_changed_is_said(runs, tmp_path):
    shutil.copytree(runs / "fit", tmp_path / "fit")
    shorter = (runs / "t.csv").read_text().splitlines()[:40]
    (tmp_path / "t.csv").write_text("\n".join(shorter) + "\n")
    config = tmp_path / "fit" / "config.toml"
    config.write_text(config.read_text().replace(str(runs / "t.csv"), str(tmp_path / "t.csv")))
    page = lodestone.report(tmp_path / "fit", overwrite=True).read_text(encoding="utf-8")
    assert "not the one of the run any more" in page


def test_a_curve_file_is_what_the_curve_shows(runs, tmp_path):
    shutil.copytree(runs / "fit", tmp_path / "fit")
    (tmp_path / "fit" / "curve.csv").write_text(
        "features,kind,validation_error,validation_standard_error,lambda,merge_angle_deg,chosen\n"
        "0,linear,0.3,0.01,0.5,,false\n1,refitted,0.0123,0.002,0.1,2,true\n"
        "7,penalized,0.02,0.002,0.1,,false\n"
    )
    page = lodestone.report(tmp_path / "fit", overwrite=True).read_text(encoding="utf-8")
    assert "The smallest is 0.0123, with 1 features (refitted)" in page.replace("feature (", "features (")


def test_without_jinja_one_line_says_what_to_install(runs, python_of_tests, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"lodestone\[report\]"):
        lodestone.report(runs / "fit", tmp_path / "page.html")


def test_evidence_is_told_in_words(runs, tmp_path):
    shutil.copytree(runs / "fit", tmp_path / "fit")

    def page(linear):
        summary = json.loads((runs / "fit" / "summary.json").read_text())
        summary["selection"]["chosen"].update(validation_error=0.3, standard_error=0.02)
        (tmp_path / "fit" / "summary.json").write_text(json.dumps(summary))
        (tmp_path / "fit" / "curve.csv").write_text(
            "features,kind,validation_error,validation_standard_error,lambda,merge_angle_deg,chosen\n"
            f"0,linear,{linear},0.02,0.5,,false\n1,refitted,0.3,0.02,0.1,2,true\n"
        )
        return lodestone.report(tmp_path / "fit", overwrite=True).read_text(encoding="utf-8")

    weak, strong = page(0.315), page(0.6)
    assert "as much within one standard error: the bends are weak evidence" in weak
    assert "A linear model explains 40%: the bends matter" in strong
    for told in (weak, strong):
        assert "it explains 70 ± 2% of the variance (5-fold cross-validation, 80 rows)" in told
        assert "found again in at least 80% of resamples" in told
