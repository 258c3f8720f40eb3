"""Pictures: what they hold, and that they can be drawn of everything they take."""

import warnings

import numpy as np
import pytest
from conftest import class_rows, command_line, count_rows, quick, quick_classifier, ridge_rows
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lodestone
from lodestone import Network, PopulationObjective, Teacher, plots


def drawn(figure):
    """Draws the figure; its visible panels."""
    figure.canvas.draw()
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert panels
    return panels


def labelled(panels):
    return any(panel.get_xlabel() for panel in panels) and any(
        panel.get_ylabel() for panel in panels
    )


@pytest.fixture(scope="module")
def fitted():
    X, y = ridge_rows(150, 3)
    return quick(bootstrap=5).fit(X, y), X, y


def test_classes_and_counts_have_their_own_words(tmp_path):
    X, y = class_rows()
    names = np.array(["no", "yes"])[y]
    model = quick_classifier().fit(X, names)
    (panel,) = drawn(plots.predictions(model, X, names))
    assert panel.get_xlabel() == "probability of y = yes, predicted"
    assert panel.get_ylabel() == "share observed"
    dots = panel.containers[0].lines[0]
    found = model.predict_proba(X)[:, 1]
    assert dots.get_xdata() == pytest.approx(np.sort(found).reshape(10, -1).mean(axis=1))
    assert dots.get_ydata() == pytest.approx(y[np.argsort(found, kind="stable")].reshape(10, -1).mean(axis=1))
    panels = drawn(plots.features(model, X, names))
    assert panels[0].get_ylabel() == "log odds (y = yes)"
    assert len(panels[0].get_lines()[0].get_xdata()) <= 20
    assert "deviance" in drawn(plots.curve(model))[0].get_ylabel()
    assert "deviance" in drawn(plots.path(model))[0].get_ylabel()
    assert "score" in drawn(plots.importance(model))[0].get_xlabel()
    first = drawn(plots.subspace(model, X, names))[0]
    assert [one.get_text() for one in first.get_yticklabels()] == ["no", "yes"]
    X, y = count_rows()
    counts = quick(family="poisson").fit(X, y)
    assert drawn(plots.features(counts, X, y))[0].get_ylabel() == "log mean (y)"
    assert drawn(plots.predictions(counts, X, y))[0].get_ylabel() == "y, observed"


def test_path_shows_every_weight_decay(fitted):
    error, count, gap = drawn(plots.path(fitted[0]))
    weight_decay = fitted[0].path_["lambda"]
    assert labelled([error, count, gap])
    assert error.get_lines()[0].get_xdata() == pytest.approx(weight_decay)
    left, right = gap.get_xlim()
    assert left > right  # λ falls


def test_features_beside_rows_and_without(fitted):
    regressor, X, y = fitted
    panels = drawn(plots.features(regressor, X, y))
    assert len(panels) == min(9, len(regressor.amplitudes_))
    dots, curve = panels[0].get_lines()
    assert len(dots.get_xdata()) == len(X)
    # The curve is amplitude · relu(direction·x + bias), along the direction of unit length in
    # standardized columns.
    u, value = curve.get_xdata(), curve.get_ydata()
    norm = np.linalg.norm(regressor.directions_[0] * regressor.model_.scale)
    offset = regressor.biases_[0] + regressor.directions_[0] @ regressor.model_.center
    assert value == pytest.approx(regressor.amplitudes_[0] * np.maximum(norm * u + offset, 0.0))
    # Dots are what the rest of the model leaves for it, where their row lies.
    along = (X - regressor.model_.center) @ regressor.directions_[0]
    assert dots.get_xdata() == pytest.approx(along / norm)
    partial = y - regressor.predict(X) + regressor.amplitudes_[0] * np.maximum(along + offset, 0.0)
    assert dots.get_ydata() == pytest.approx(partial)
    drawn(plots.features(regressor.model_))


def test_loadings_show_the_cone_of_the_bootstrap(fitted):
    regressor = fitted[0]
    panels = drawn(plots.loadings(regressor))
    assert "bootstrap" in panels[0].figure.get_suptitle()
    scaled = regressor.directions_ * regressor.model_.scale
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    widths = sorted(bar.get_width() for bar in panels[0].patches)
    assert widths == pytest.approx(sorted(scaled[0]))
    (lines,) = panels[0].collections
    for segment, bar in zip(lines.get_segments(), panels[0].patches):
        low, high = segment[0][0], segment[1][0]
        assert low - 1e-12 <= bar.get_width() <= high + 1e-12


def test_timeline_with_a_teacher_and_without():
    teacher = Teacher.random(d=5, k=2, seed=0)
    known = lodestone.train(teacher, width=20, tolerance=1e-4)
    assert len(drawn(plots.timeline(known))) == 2
    X, y = ridge_rows(80)
    assert len(drawn(plots.timeline(lodestone.train(X, y, width=20, max_steps=300)))) == 1


def test_neurons_need_to_have_been_kept():
    teacher = Teacher.random(d=5, k=2, seed=0)
    result = lodestone.train(teacher, width=20, tolerance=1e-4, keep_neurons=True)
    (panel,) = drawn(plots.neurons(result.snapshots, teacher))
    assert len(panel.get_lines()) == 20 + 2
    step, last = result.snapshots[-1]
    assert step == result.history["step"][-1] == result.steps
    assert np.array_equal(last.W, result.network.W) and last.width == 20
    with pytest.raises(ValueError, match="keep_neurons"):
        plots.neurons(lodestone.train(teacher, width=20, tolerance=1e-4).snapshots, teacher)
    merging = lodestone.train(teacher, width=20, tolerance=1e-4, merge_tolerance=0.1, keep_neurons=True)
    assert merging.network.width < 20
    with pytest.raises(ValueError, match="merge_tolerance=0"):
        plots.neurons(merging.snapshots, teacher)


@pytest.mark.parametrize("r, panels", [(1, 1), (2, 1), (3, 2), (4, 6)])
def test_dual_certificate_in_every_dimension(r, panels):
    teacher = Teacher(np.eye(6)[:r], np.ones(r))
    objective = PopulationObjective(teacher)
    decay = 0.01
    network = Network(0.9 * np.ones(r), np.eye(6)[:r]).balanced()
    figure = plots.dual_certificate(objective, network, decay, points=181)
    assert len(drawn(figure)) == panels
    with pytest.raises(ValueError, match="weight_decay"):
        plots.dual_certificate(objective, network, 0.0)
    with pytest.raises(ValueError, match="no neurons"):
        plots.dual_certificate(objective, Network(np.zeros(1), np.zeros((1, 6))), decay)


def test_a_linear_model_has_no_features_to_show():
    linear = Network(np.zeros(0), np.zeros((0, 2)), None, 1.0, [2.0, -1.0])
    for draw in (plots.features, plots.loadings):
        with pytest.raises(ValueError, match="linear"):
            draw(linear)


def texts(figure):
    from matplotlib.text import Text

    figure.canvas.draw()
    return {one.get_text() for one in figure.findobj(Text) if one.get_visible()}


def boxes(panel, which):
    figure = panel.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    return [one.get_window_extent(renderer) for one in which if one.get_text()]


def ticks(panel):
    """Boxes of the labels of ticks that are drawn, axis by axis: beyond the ends of an axis there are
    others, which are not."""
    panel.figure.canvas.draw()
    for axis in (panel.xaxis, panel.yaxis):
        low, high = sorted(axis.get_view_interval())
        inside = [tick.label1 for tick in axis.get_major_ticks()
                  if low <= tick.get_loc() <= high and tick.label1.get_visible()]
        yield boxes(panel, inside)


def collide(found):
    return any(a.overlaps(b) for i, a in enumerate(found) for b in found[:i])


def test_the_curve_marks_the_choice(fitted):
    (panel,) = drawn(plots.curve(fitted[0]))
    tried = fitted[0].cv_results_
    at = int(np.flatnonzero(tried["chosen"])[0])
    chosen = [one for one in panel.get_lines() if str(one.get_label()).startswith("chosen")]
    assert len(chosen) == 1
    assert chosen[0].get_xdata() == [tried["features"][at]]
    assert chosen[0].get_ydata() == [tried["validation_error"][at]]


def test_a_curve_file_is_drawn_as_it_is():
    columns = {
        "features": [0, 1, 2, 3, 40],
        "kind": np.array(["linear", "refitted", "refitted", "refitted", "penalized"]),
        "validation_error": [0.5, 0.2, 0.1, 0.11, 0.09],
        "validation_standard_error": [0.02] * 5,
        "chosen": np.array(["false", "false", "true", "false", "false"]),
    }
    (panel,) = drawn(plots.curve(columns))
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert "chosen: 2" in labels and "penalized network" in labels and "linear model" in labels
    with pytest.raises(ValueError, match="cross-validated"):
        plots.curve({"features": [], "validation_error": []})


def test_predictions_importance_and_subspace(fitted):
    regressor, X, y = fitted
    (panel,) = drawn(plots.predictions(regressor, X, y))
    dots = panel.get_lines()[1]
    assert dots.get_xdata() == pytest.approx(regressor.predict(X))
    assert dots.get_ydata() == pytest.approx(y)
    (panel,) = drawn(plots.importance(regressor))
    widths = sorted(bar.get_width() for bar in panel.patches)
    assert widths == pytest.approx(sorted(100 * regressor.feature_importances_))
    assert 1 <= len(drawn(plots.subspace(regressor, X, y))) <= 2


def test_pipelines_searches_and_folders_are_taken(fitted, tmp_path):
    _, X, y = fitted
    pipeline = make_pipeline(StandardScaler(), quick()).fit(3.0 * X, y)
    search = GridSearchCV(quick(), {"max_features": [1, 2]}, cv=2).fit(X, y)
    np.savetxt(tmp_path / "t.csv", np.column_stack([X, y]), delimiter=",", header="a,b,c,y",
               comments="", fmt="%.17g")
    command_line("fit", "--data", "t.csv", "--target", "y", "--lambdas", "4", "--lambda-ratio",
                 "0.05", "--out", "run", cwd=tmp_path)
    for held, rows in ((pipeline, 3.0 * X), (search, X), (tmp_path / "run", X)):
        for figure in (plots.features(held, rows, y), plots.loadings(held), plots.path(held),
                       plots.curve(held), plots.importance(held), plots.predictions(held, rows, y)):
            drawn(figure)
    # Rows go through the steps before the model.
    dots = drawn(plots.predictions(pipeline, 3.0 * X, y))[0].get_lines()[1]
    assert dots.get_xdata() == pytest.approx(pipeline.predict(3.0 * X))
    for draw in (plots.features, plots.loadings, plots.path, plots.curve):
        with pytest.raises(TypeError, match="got object"):
            draw(object())


def test_columns_of_a_frame_are_found_by_name(fitted):
    pandas = pytest.importorskip("pandas")
    _, X, y = fitted
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    model = quick().fit(frame, y).model_
    right = drawn(plots.predictions(model, frame, y))[0].get_lines()[1].get_xdata()
    turned = drawn(plots.predictions(model, frame[["c", "a", "b"]], y))[0].get_lines()[1].get_xdata()
    assert np.array_equal(right, turned)
    with pytest.raises(ValueError, match="no column 'b'"):
        plots.predictions(model, frame.rename(columns={"b": "other"}), y)


NAMES = ["cost_$_per_$", "\\alpha_{x}^2", "\u5e74\u9f84", "\u05d8\u05de\u05e4", "{}%&", "a\nb"]


@pytest.fixture(scope="module")
def oddly_named():
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(1)
    X = pandas.DataFrame(random.normal(size=(120, len(NAMES))), columns=NAMES)
    y = np.abs(X.iloc[:, 0] - X.iloc[:, 1]) + np.maximum(X.iloc[:, 2] + X.iloc[:, 3], 0)
    y = pandas.Series(y + 0.3 * X.iloc[:, 4] - 0.3 * X.iloc[:, 5], name="y_$^2$")
    return quick().fit(X, y), X, y


def test_names_are_text(oddly_named):
    regressor, X, y = oddly_named
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = texts(plots.loadings(regressor))
        assert set(NAMES[:-1]) <= shown and "a b" in shown
        assert "y_$^2$, observed" in texts(plots.predictions(regressor, X, y))
        assert any("cost_$_per_$" in one for one in texts(plots.features(regressor, X, y)))


def test_settings_of_the_user_stay_outside(oddly_named, tmp_path):
    import matplotlib

    regressor, X, y = oddly_named
    draws = [lambda: plots.loadings(regressor), lambda: plots.path(regressor),
             lambda: plots.features(regressor, X, y), lambda: plots.curve(regressor)]

    def pictures():
        files = []
        for i, draw in enumerate(draws):
            draw().savefig(tmp_path / f"{i}.png", metadata={"Software": None})
            files.append((tmp_path / f"{i}.png").read_bytes())
        return files

    plain = pictures()
    theirs = {"text.usetex": True, "font.size": 30, "axes.facecolor": "red", "savefig.dpi": 20,
              "axes.prop_cycle": matplotlib.cycler(color=["pink"]), "axes.grid": False}
    with matplotlib.rc_context(theirs):
        before = dict(matplotlib.rcParams)
        assert pictures() == plain
        assert dict(matplotlib.rcParams) == before


def test_ticks_and_stages_do_not_collide():
    # Stages 1 and 2 are over in the first thousandth of the steps' axis.
    step = np.array([1, 2, 3, 4, 1000, 2000, 4000])
    history = {"step": step, "stage": np.array([1, 1, 2, 2, 3, 3, 3]), "loss": 1.0 / step,
               "lambda": np.full(7, 0.1), "mean_angle_deg": 90.0 / step,
               "max_angle_deg": 100.0 / step}
    close = {**history, "step": np.array([1, 1, 1, 2, 500, 2000, 4000])}
    for one in (history, close):
        for panel in drawn(plots.timeline(one)):
            assert not collide(boxes(panel, panel.texts))
            for labels in ticks(panel):
                assert not collide(labels)
    assert any("stages 1–2" in text.get_text() for text in drawn(plots.timeline(close))[0].texts)
    assert len(drawn(plots.timeline([history, close]))[0].get_lines()) == 2
    with pytest.raises(ValueError, match="no runs"):
        plots.timeline([])


def test_labels_of_every_panel_are_clear_of_each_other(fitted):
    regressor, X, y = fitted
    for figure in (plots.path(regressor), plots.curve(regressor), plots.loadings(regressor),
                   plots.features(regressor, X, y), plots.predictions(regressor, 1e6 * X, y),
                   plots.importance(regressor), plots.subspace(regressor, X, y)):
        for panel in drawn(figure):
            for labels in ticks(panel):
                assert not collide(labels)
