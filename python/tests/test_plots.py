"""Pictures: what they hold, and that they can be drawn of everything they take."""

import numpy as np
import pytest
from conftest import quick, ridge_rows

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
    # The curve is amplitude · relu(direction·x + bias).
    z, value = curve.get_xdata(), curve.get_ydata()
    offset = regressor.biases_[0] + regressor.directions_[0] @ regressor.model_.center
    assert value == pytest.approx(regressor.amplitudes_[0] * np.maximum(z + offset, 0.0))
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
