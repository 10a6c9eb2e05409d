"""Several trackers side by side on annotated sequences: videos, plots, scores and a page."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.boxes import Floats, bbox_iou, to_one_based
from data.datasets.box_files import write_bboxes
from data.files import write_json
from data.synthetic.scene import SyntheticSequence
from data.synthetic.sequence import ATTRIBUTES
from data.video.writer import VideoWriter
from experiments.drawing.curves import success_precision_plot
from experiments.drawing.frames import annotate, draw_bbox
from experiments.drawing.pages import write_page
from experiments.drawing.palette import WHITE, as_hex, colours
from experiments.runtime.lock import make_folder
from experiments.runtime.progress import progress_bar
from experiments.runtime.provenance import versions
from experiments.scoring.metrics import Score, mean_score, score
from experiments.trackers.follow import GivenBox, follow_targets
from tracker import TRACKERS, MultiTracker, Tracker

if TYPE_CHECKING:
    from tqdm import tqdm

VIDEO_FPS = 25.0


@dataclass(frozen=True)
class Trial:
    """One tracker in one sequence.

    Attributes:
        truth: ground truth ``(N, 4)``, 0-based; NaN where the target is absent.
        bboxes: the tracker's boxes, one for each frame so far, 0-based.
        seconds: the tracker's time for each frame.
    """

    truth: Floats
    bboxes: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def score(self) -> Score:
        """The score of all frames."""
        return score(self.bboxes, self.truth)

    @property
    def first_miss(self) -> int | None:
        """The first frame in which the box does not touch the target; None if there is none."""
        misses = np.flatnonzero(bbox_iou(self.bboxes, self.truth) == 0)  # NaN (target absent) is no miss
        return int(misses[0]) if misses.size else None


Numbers = Mapping[str, Mapping[str, Any]]
"""tracker -> ``success_auc``, ``precision_20``, ``fps`` and, in one sequence, ``first_miss``."""


def show(
    sequences: Sequence[SyntheticSequence],
    trackers: Mapping[str, Tracker],
    folder: Path,
    about: Mapping[str, str] = {},
) -> tuple[Mapping[str, Numbers], Numbers]:
    """Follow every sequence with every tracker and write into ``folder``.

    * ``index.html``, written last: a folder without it is not finished.
    * ``videos/<sequence>.webm``: the true box white and dashed, each tracker's box and name in its colour.
    * ``success.png``, ``precision.png``: curves averaged over the sequences.
    * ``scores.json``: the numbers that this function returns, and versions.
    * ``results/synthetic/<tracker>/<sequence>.txt``: boxes in OTB's 1-based text form.

    Args:
        sequences: at least one, each of at least 2 frames and with a name of its own.
        trackers: by name, at least one.
        folder: created if it does not exist.
        about: name -> the page's text for a tracker that is not registered.

    Returns:
        The numbers of each sequence, and their mean, in which every sequence counts the same (``fps``: all frames
        over their time).

    Raises:
        OSError: the folder cannot be made or written.
    """
    prepare(folder, trackers)
    trials: dict[str, Mapping[str, Trial]] = {}
    with progress_bar(total=sum(map(len, sequences)), unit="frame") as bar:
        for sequence in sequences:
            bar.set_description(sequence.name, refresh=False)  # or the bar comes before its delay
            trials[sequence.name] = _follow(trackers, sequence, folder, bar)
    by_tracker = {name: [of[name] for of in trials.values()] for name in trackers}
    curves = {name: mean_score([trial.score for trial in of]) for name, of in by_tracker.items()}
    success_precision_plot(curves, folder, f"OPE on {len(sequences)} synthetic sequences")
    rows = {
        sequence: {
            name: _numbers(trial.score, [trial]) | {"first_miss": trial.first_miss}
            for name, trial in of.items()
        }
        for sequence, of in trials.items()
    }
    mean = {name: _numbers(curves[name], of) for name, of in by_tracker.items()}
    write_json(folder / "scores.json", {"sequences": rows, "mean": mean, "versions": versions()})
    said = {
        name: about.get(name) or (inspect.getdoc(TRACKERS[name]) or "").partition("\n")[0] for name in mean
    }
    _write_page(folder / "index.html", sequences, rows, mean, said)
    return rows, mean


def table(rows: Mapping[str, Numbers], mean: Numbers) -> str:
    """Format the numbers for a terminal: success AUC and precision at 20 pixels, then frames per second."""
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"{name:>16}" for name in mean)]
    for row, numbers in {**rows, "mean": mean}.items():
        cells = [f"{of['success_auc']:>8.3f} / {of['precision_20']:.3f}" for of in numbers.values()]
        lines.append(f"{row:<{width}}" + "".join(cells))
    lines.append(f"{'fps':<{width}}" + "".join(f"{fps_text(of['fps']):>16}" for of in mean.values()))
    return "\n".join([*lines, "success AUC / precision at 20 pixels; fps of the tracker alone"])


def fps_text(fps: float) -> str:
    """Format frames per second; above 1000 a number says nothing."""
    return "over 1000" if fps > 1000 else f"{fps:.1f}"


def write_annotations(path: Path, sequences: Sequence[SyntheticSequence]) -> Path:
    """Write the true boxes for ``report --root``: JSON, 1-based, zeros where the target is absent."""
    content = {
        sequence.name: {
            "gt_rect": np.nan_to_num(to_one_based(sequence.bboxes)).tolist(),
            "attributes": list(sequence.attributes),
        }
        for sequence in sequences
    }
    write_json(path, content)
    return path


def prepare(folder: Path, trackers: Iterable[str]) -> None:
    """Make the folders and remove the page of an earlier run, whose videos are about to be replaced."""
    make_folder(folder)
    for part in ("videos", *(f"results/synthetic/{name}" for name in trackers)):
        make_folder(folder / part)
    (folder / "index.html").unlink(missing_ok=True)


def _follow(
    trackers: Mapping[str, Tracker], sequence: SyntheticSequence, folder: Path, bar: "tqdm"
) -> Mapping[str, Trial]:
    """Drive all trackers through a sequence; write its video and their boxes.

    The trackers take turns in each frame: only one frame is kept, and a busy machine slows all of them alike.
    """
    trials, chosen = {name: Trial(sequence.bboxes) for name in trackers}, colours(trackers)
    followers = {name: MultiTracker(partial(trackers.__getitem__, name)) for name in trackers}
    given, names = [GivenBox("", 0, sequence.bboxes[0])], {("", name): name for name in trackers}
    with VideoWriter(folder / "videos" / f"{sequence.name}.webm", VIDEO_FPS) as video:
        for scene in follow_targets(followers, enumerate(sequence.frames()), given, names):
            for name, trial in trials.items():
                trial.bboxes.append(scene.outputs[name].bbox)
                trial.seconds.append(scene.seconds[name])
            picture = annotate(scene.image, scene.frame, scene.outputs, chosen)
            draw_bbox(picture, sequence.bboxes[scene.frame], WHITE, dashed=True)
            video.write(picture)
            bar.update()
    for name, trial in trials.items():
        write_bboxes(folder / "results" / "synthetic" / name / f"{sequence.name}.txt", trial.bboxes)
    return trials


def _numbers(curves: Score, trials: Sequence[Trial]) -> dict[str, Any]:
    """The scores of ``curves``, and the speed over all frames of ``trials`` but the first of each."""
    updates = [trial.seconds[1:] for trial in trials]
    return {
        "success_auc": curves.success_auc,
        "precision_20": curves.precision_20,
        "fps": sum(map(len, updates)) / sum(map(sum, updates)),
    }


def _write_page(
    path: Path,
    sequences: Sequence[SyntheticSequence],
    rows: Mapping[str, Numbers],
    mean: Numbers,
    about: Mapping[str, str],
) -> None:
    write_page(
        path,
        Path(__file__).with_name("demo.html"),
        sequences=[
            {
                "name": sequence.name,
                "challenges": [ATTRIBUTES[name] for name in sequence.attributes],
                "title": ", ".join(ATTRIBUTES[name].partition(":")[0] for name in sequence.attributes),
                "colour": sequence.colour,
                "wh": sequence.size_wh,
                "numbers": rows[sequence.name],
            }
            for sequence in sequences
        ],
        frames=sum(map(len, sequences)),
        mean=mean,
        colours={name: as_hex(colour) for name, colour in colours(mean).items()},
        about=about,
        best=max(mean, key=lambda name: mean[name]["success_auc"]),
        fps_text=fps_text,
        versions=versions(),
    )
