"""What the measurement of the on-line solvers says of a run."""

import numpy as np
import pytest

from experiments.losses.scene import synthetic_frame
from experiments.losses.solvers import LOSSES, STEPS, Course, measure


def test_a_course_says_when_it_came_close():
    course = Course([0.9, 0.3, 0.08, 0.2], [0.1, 0.2, 0.3, 0.4])
    assert course.close() == (3, 0.3)
    assert Course([0.9, 0.3], [0.1, 0.2]).close() is None


@pytest.mark.slow
def test_a_loss_is_measured_with_every_solver(monkeypatch):
    monkeypatch.setitem(STEPS, "adam", 3)
    monkeypatch.setitem(STEPS, "irls", 4)
    for name in ("exp(Y) · L2", "Shrinkage"):
        monkeypatch.delitem(LOSSES, name)
    image, bbox = synthetic_frame()
    table, plot = measure(image, bbox, "hog+color", None)
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(LOSSES)
    assert all(row.count("|") == 5 for row in rows)
    by_step = plot.figure.axes[0]
    lines = [line for line in by_step.lines if len(line.get_xdata()) in (3, 4)]
    assert len(lines) == 2 * len(LOSSES)
    for line in lines:  # every solver comes nearer with every loss
        errors = np.asarray(line.get_ydata())
        assert errors[-1] < errors[0]
