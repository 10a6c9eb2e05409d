"""The clips of a comparison, kept apart: those trained on, those that choose the rates, those of the table."""

from collections.abc import Sequence
from pathlib import Path

from data.boxes import Floats, Image, frames_with_box
from data.datasets.clip import Clip
from data.datasets.otb import write_otb
from data.images import read_image
from data.pairs.dataset import PairDataset
from data.pairs.held_out import HeldOut
from data.pairs.sources import ClipSource
from experiments.compare.settings import Place
from experiments.runtime.lock import make_folder
from experiments.scoring.protocols import SRE_SHIFTS, shifted_bbox
from experiments.train.data import build_pairs, parse_source
from experiments.train.settings import DataSettings
from experiments.train.validation import held_out_sequence, read_clips, track_clip
from tracker import Tracker

FOLD = 4
"""One clip in so many of a training folder is not trained on but chooses the rates, the first of each lot."""

PROBE_SEED = 20_181
"""Of the pairs that are measured: the same for every loss, step and seed."""

_ANY_GAP = 1_000_000  # frames: near ones are found by any network, a random one too
SYNTHETIC_CLIPS, SYNTHETIC_FRAMES = 6, 60


def place_clips(
    data: DataSettings, validation: Sequence[str], test: Sequence[str], folder: Path
) -> tuple[Place, Place]:
    """Where the validation and the test clips are.

    Without roots for validation, one in `FOLD` clips of the training folders is taken. What is named nowhere is
    synthetic: rendered into ``folder`` once, from seeds that training never sees.

    Raises:
        ValueError: clips to validate on cannot be told from the sources, or a test clip is trained or validated on.
        OSError: a root cannot be read.
    """
    named = [parse_source(text) for text in data.sources]
    folders = [f"folder:{source.root}" for source in named if source.kind == "folder"]
    names: list[str] = []
    if not validation and folders:
        names = [clip.name for clip in read_clips(folders)][::FOLD]
        validation = folders
    if not validation and any(source.kind != "synthetic" for source in named):
        raise ValueError(
            f"--validation must name clips as DATASET:ROOT where no source is a folder, got {' '.join(data.sources)}"
        )
    chosen = Place(tuple(validation) or (_render(folder / "validation", 0),), tuple(names))
    table = Place(tuple(test) or (_render(folder / "test", SYNTHETIC_CLIPS),))
    testing, choosing = clips_at(table), HeldOut(clips_at(chosen))
    if both := [clip.name for clip in testing if choosing.has_clip(clip)]:
        raise ValueError(f"clips of --test must not choose the rates, but {', '.join(both)} do")
    tested = HeldOut(testing)
    build_pairs(data, tested, length=1)
    if tested.met:
        trained = ", ".join(sorted(tested.met))
        raise ValueError(f"clips of --test must not be trained on, but {trained} are among the sources")
    return chosen, table


def clips_at(place: Place) -> list[Clip]:
    """The clips of a place."""
    return read_clips(place.clips, place.names)


def probe_pairs(clips: Sequence[Clip], data: DataSettings, count: int) -> PairDataset:
    """Pairs of these clips to be measured, made as training makes its own but with any two frames of a clip."""
    source = ClipSource.of(clips, max_gap=_ANY_GAP, jitter=data.clip_jitter)
    size, scale = data.crop_size, data.search_area_scale
    return PairDataset([(source, 1.0)], count, crop_size=size, search_area_scale=scale, seed=PROBE_SEED)


def first_bbox(clip: Clip, image: Image, seed: int) -> Floats:
    """The box an on-line run starts from: the true one, for seeds above 0 OTB's shifted and scaled ones in turn."""
    truth = clip.bboxes[int(frames_with_box(clip.bboxes)[0])]
    if seed == 0:
        return truth
    # 5 and 12 have no common factor: all of them in the end
    shift = SRE_SHIFTS[(seed - 1) * 5 % len(SRE_SHIFTS)]
    return shifted_bbox(truth, shift, (image.shape[1], image.shape[0]))


def track_clips(
    tracker: Tracker, clips: Sequence[Clip], frames: int, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Success AUC, precision at 20 px and AO of each clip's first frames under got10k's rules.

    Args:
        tracker: to be tested.
        clips: to follow, from the first frame that has a box.
        frames: of each.
        seed: of the first box, see `first_bbox`.
    """
    scores = {}
    for clip in clips:
        first = read_image(clip.paths[int(frames_with_box(clip.bboxes)[0])])
        result = track_clip(tracker, clip, frames, first_bbox(clip, first, seed))
        scores[clip.name] = {name: getattr(result, name) for name in ("success_auc", "precision_20", "ao")}
    return scores


def _render(folder: Path, offset: int) -> str:
    """Write synthetic clips where they are not yet."""
    make_folder(folder)
    for number in range(offset, offset + SYNTHETIC_CLIPS):
        sequence = held_out_sequence(number, SYNTHETIC_FRAMES)
        target = folder / sequence.name
        if not (target / "groundtruth_rect.txt").is_file():
            write_otb(sequence, target, ".jpg")
    return f"folder:{folder}"
