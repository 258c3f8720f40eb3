"""Algorithm 1 from Python: results, callbacks, going on, and what is refused."""

import signal
import threading

import numpy as np
import pytest
from conftest import ridge_rows, same_bits

import lodestone


def test_recovers_a_teacher(trained, teacher):
    assert trained.status == "converged"
    assert trained.recovery.recovered == 3
    assert trained.recovery == teacher.recovery(trained)
    assert trained.loss < 1e-8
    assert trained.certificate.kind == "estimated"
    assert trained.network.width == 40
    assert teacher.recovery(trained.model).recovered == 3
    frame = trained.history_frame()
    assert frame["step"].is_monotonic_increasing
    assert frame["loss"].iloc[-1] == trained.loss


def test_a_callback_sees_every_record_and_can_stop(teacher, trained):
    seen = []

    def watch(row):
        seen.append(row)
        return len(seen) == 5

    result = lodestone.train(teacher, width=40, callback=watch)
    assert result.status == "interrupted"
    assert [row["step"] for row in seen] == trained.history["step"][:5].tolist()
    assert seen[-1]["lambda"] == result.history["lambda"][-1]
    again = lodestone.train(teacher, width=40, state=result.state)
    assert again.status == "converged"
    assert same_bits(again.neurons.directions, trained.neurons.directions)
    assert same_bits(again.history["loss"], trained.history["loss"])


def test_what_a_callback_raises_is_raised(teacher):
    def fail(row):
        raise LookupError("from the callback")

    with pytest.raises(LookupError, match="from the callback"):
        lodestone.train(teacher, width=40, callback=fail)


def test_an_interrupt_keeps_the_state(teacher, trained):
    def interrupt(row):
        if row["step"] > 0:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as raised:
        lodestone.train(teacher, width=40, callback=interrupt)
    assert isinstance(raised.value, lodestone.Interrupted)
    result = raised.value.result
    assert result.status == "interrupted"
    assert 0 < result.state.steps < trained.steps
    again = lodestone.train(teacher, width=40, state=result.state)
    assert same_bits(again.neurons.directions, trained.neurons.directions)


def test_budgets_can_be_raised_and_other_runs_are_refused(teacher, trained):
    stopped = lodestone.train(teacher, width=40, max_steps=50)
    assert stopped.status == "budget"
    again = lodestone.train(teacher, width=40, state=stopped.state)
    assert same_bits(again.neurons.directions, trained.neurons.directions)
    other = lodestone.Teacher.random(d=5, k=2)
    for arguments in ((teacher, {"width": 42}), (teacher, {"seed": 1}), (other, {"width": 40})):
        with pytest.raises(ValueError, match="state: got that of another run"):
            lodestone.train(arguments[0], **arguments[1], state=stopped.state)
    with pytest.raises(TypeError, match="must be a TrainState"):
        lodestone.train(teacher, state=trained)


def test_rows_of_a_teacher(teacher):
    result = lodestone.train(teacher, samples=500, noise=0.1, width=20, max_steps=200)
    assert result.recovery.teachers == 3
    assert result.test["rows"] == 0  # exact
    assert 0 < result.test["relative_error"] < 1


def test_tables_with_rows_of_their_own():
    X, y = ridge_rows(100)
    result = lodestone.train(
        X, y, width=10, max_steps=200, validation=ridge_rows(30, seed=1), test=ridge_rows(40, seed=2)
    )
    assert result.test["rows"] == 40
    assert np.isfinite(result.history["validation_error"]).any()


def test_a_schedule_of_ones_own(teacher):
    result = lodestone.train(teacher, width=40, schedule=[0.05, 0.01], tolerance=0)
    stage_3 = result.history["stage"] == 3
    assert set(result.history["lambda"][stage_3]) == {0.05, 0.01}


def test_progress_is_shown(teacher, capsys):
    lodestone.train(teacher, width=40, max_steps=100, progress=True)
    assert "train" in capsys.readouterr().err


def test_other_threads_go_on_meanwhile(teacher):
    """A callback waits for another Python thread: with the lock held nobody could answer."""
    asked, answered = threading.Event(), threading.Event()

    def answer():
        asked.wait(20)
        answered.set()

    thread = threading.Thread(target=answer)
    thread.start()

    def ask(row):
        asked.set()
        return not answered.wait(20)

    assert lodestone.train(teacher, width=20, max_steps=30, callback=ask).status == "budget"
    thread.join()


def test_the_number_of_threads_is_not_changed_under_a_run(teacher):
    def change(row):
        with pytest.raises(RuntimeError, match="another thread is using lodestone"):
            lodestone.set_threads(1)

    lodestone.train(teacher, width=20, max_steps=20, callback=change)
    for count in (0, 1025):
        with pytest.raises(ValueError, match="threads: got"):
            lodestone.set_threads(count)


X, Y = ridge_rows()
BAD = {
    "odd-width": (dict(width=41), ValueError, "^width: got 41; "),
    "fractional-width": (dict(width=40.5), ValueError, "^width: got '40.5'; "),
    "negative-tolerance": (dict(tolerance=-1.0), ValueError, "^tolerance: "),
    "lambda-start": (dict(weight_decay_start=-1.0), ValueError, "^weight_decay_start: "),
    "nan": (dict(weight_decay_end=float("nan")), ValueError, "^weight_decay_end: "),
    "no-steps": (dict(max_steps=0), ValueError, "^max_steps: "),
    "no-seconds": (dict(max_seconds=0), ValueError, "^max_seconds: got 0; must be positive"),
    "noise-of-a-population": (dict(noise=0.1), ValueError, "^noise: got 0.1; .* give samples"),
    "schedule-name": (dict(schedule="slow"), ValueError, "^schedule: got 'slow'; "),
    "schedule-empty": (dict(schedule=[]), ValueError, "^schedule: "),
    "schedule-negative": (dict(schedule=[1.0, -1.0]), ValueError, "^schedule: "),
    "targets": (dict(y=Y), ValueError, "^y: goes with the rows of a table"),
    "biases": (dict(biases=True), ValueError, "^biases: .* give samples"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case, teacher):
    arguments, error, says = BAD[case]
    with pytest.raises(error, match=says):
        lodestone.train(teacher, **arguments)


BAD_TABLES = {
    "no-targets": ((X,), {}, ValueError, "^y: got None"),
    "fewer-targets": ((X, Y[:-1]), {}, ValueError, "^y: got 59 numbers; X has 60 rows"),
    "nan": ((np.full_like(X, np.nan), Y), {}, ValueError, "^X: got nan or infinity"),
    "strings": (([["a"]] * 9, Y[:9]), {}, TypeError, "^X: got .*; must be numbers"),
    "one-dimension": ((X[:, 0], Y), {}, ValueError, "^X: got shape"),
    "samples": ((X, Y), dict(samples=5), ValueError, "^samples: goes with a Teacher"),
    "weights": ((X, Y), dict(sample_weight=np.ones(3)), ValueError, "^sample_weight: got 3 numbers"),
    "constant": ((X, np.ones(60)), {}, ValueError, "constant"),
    "validation": ((X, Y), dict(validation=(X[:, :2], Y)), ValueError, "^columns: got 3 names"),
    "standardize": ((X, Y), dict(standardize="unit"), ValueError, "^standardize: "),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_are_refused(case):
    positional, arguments, error, says = BAD_TABLES[case]
    with pytest.raises(error, match=says):
        lodestone.train(*positional, **arguments)
