"""Success and precision plots: the right curves, ranked, without a trace in matplotlib's global state."""

import subprocess
import sys
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.drawing.curves import success_precision_plot
from experiments.scoring.metrics import score

TRUTH = np.tile([100.0, 100, 40, 40], (20, 1))


def shifted(*shifts):
    """The score of a tracker whose boxes lie so many pixels to the right, each in a quarter of the frames."""
    return score(TRUTH + np.outer(np.repeat(shifts, 5), [1, 0, 0, 0]), TRUTH)


# By overlap the first is the best, by precision at 20 pixels the last.
SCORES = {"<b>": shifted(0, 0, 0, 90), "never": shifted(90, 90, 90, 90), "near": shifted(18, 18, 18, 18)}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw scores; the axes of the success and the precision plot, and the texts of their legends."""

    def draw(scores, subject="OPE"):
        figures = []
        save = Figure.savefig
        monkeypatch.setattr(
            Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))
        )
        success_precision_plot(scores, tmp_path, subject)
        legends = [figure.legends[0] if figure.legends else figure.axes[0].get_legend() for figure in figures]
        texts = [[text.get_text() for text in legend.get_texts()] for legend in legends]
        return [figure.axes[0] for figure in figures], texts

    return draw


def curves(axes):
    return {line.get_label().split(" [")[0]: line for line in axes.get_lines()}


def test_the_legends_are_ranked_by_the_scores_they_show(drawn):
    _, (success, precision) = drawn(SCORES)
    # In the first frame every tracker is given the truth, which passes the 20 thresholds below 1. "<b>" keeps it
    # in 15 of 20 frames; an overlap of 22/58 = 0.379 passes the 8 thresholds below it.
    near, never = (19 * 8 + 20) / 20 / 21, 20 / 20 / 21
    assert success == [f"<b> [{0.75 * 20 / 21:.3f}]", f"near [{near:.3f}]", f"never [{never:.3f}]"]
    assert precision == ["near [1.000]", "<b> [0.750]", "never [0.050]"]


def test_the_curves_are_the_scores_over_the_thresholds(drawn):
    (success, precision), _ = drawn(SCORES)
    for axes, thresholds, curve in [
        (success, np.arange(21) / 20, "success"),
        (precision, np.arange(51), "precision"),
    ]:
        assert curves(axes).keys() == SCORES.keys()
        for name, line in curves(axes).items():
            np.testing.assert_allclose(line.get_xdata(), thresholds)
            np.testing.assert_array_equal(line.get_ydata(), getattr(SCORES[name], curve))


def test_a_tracker_looks_the_same_in_both_plots_and_like_no_other(drawn):
    plots, _ = drawn({f"tracker {i}": shifted(i, i, 2 * i, 90) for i in range(10)})
    success, precision = (
        {name: (line.get_color(), line.get_linestyle()) for name, line in curves(axes).items()}
        for axes in plots
    )
    assert success == precision
    assert len(set(success.values())) == 10


def test_the_subject_is_in_the_titles(drawn):
    axes, _ = drawn(SCORES, "OPE on OTB2015")
    assert [one.get_title() for one in axes] == [
        "Success plots of OPE on OTB2015",
        "Precision plots of OPE on OTB2015",
    ]


def test_the_files_are_pictures(tmp_path):
    paths = success_precision_plot(SCORES, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    for path in paths:
        assert cv2.imread(str(path)).std() > 10


def test_wrong_arguments_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="at least one tracker"):
        success_precision_plot({}, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none does not exist"):
        success_precision_plot(SCORES, tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_global_settings_stay_and_pyplot_is_not_loaded(tmp_path):
    before = dict(matplotlib.rcParams)
    success_precision_plot(SCORES, tmp_path)
    assert dict(matplotlib.rcParams) == before
    code = (
        "import sys, numpy as np\nfrom experiments.scoring.metrics import score\n"
        "from experiments.drawing.curves import success_precision_plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "boxes = np.ones((3, 4))\n"
        "success_precision_plot({'a': score(boxes, boxes)}, sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[3], check=True)
