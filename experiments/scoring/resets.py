"""VOT's runs: supervised ones, in which a tracker that loses its target is started anew, and those without resets.

The measures are those of the VOT challenges of 2015 to 2019 (Kristan et al., TPAMI 2016, and the challenges' reports):
accuracy, failures and the expected average overlap (EAO); without resets the average overlap.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.boxes import Floats
from data.datasets.box_files import parse_corners_of_region
from data.datasets.clip import Clip
from data.files import read_text, some
from data.polygons import polygon_iou

BURN_IN = 10
"""Frames from each start on that accuracy leaves out: a fresh box is too good to count (Kristan et al., 2015)."""

EAO_RANGES = {2015: (108, 371), 2016: (108, 371), 2017: (100, 356), 2018: (100, 356), 2019: (46, 291)}
"""Year of the challenge -> shortest and longest length of a sequence, in frames, that EAO averages over."""

SKIPPED, START, FAILURE = 0, 1, 2
"""Codes in place of a region: here the tracker was not run, here it was started, here it had lost the target."""

NO_TAG = "empty"
"""The attribute of the frames that have no other, as VOT's toolkit calls it."""

BASELINE, UNSUPERVISED = "baseline", "unsupervised"
"""Folders in a tracker's, as VOT's toolkit and got10k call them: runs with resets and without."""


@dataclass(frozen=True)
class ResetScore:
    """Accuracy, robustness and EAO over all sequences of supervised runs; NaN where there are none.

    Attributes:
        accuracy: mean over the frames that count of the overlap, itself the mean over a sequence's repetitions; NaN
            where no frame counts.
        failures: how often the target was lost: the mean over a sequence's repetitions, summed over sequences.
        failures_per_100: the same for each 100 frames.
        frames: of all sequences together.
        eao: expected average overlap; NaN where the year of the challenge, and so its range, is not known.
        ao: average overlap of the runs without resets.
        sequences: how many have a supervised run.
        by_attribute: attribute -> the score of the frames that have it, where the dataset says which these are.
    """

    accuracy: float = math.nan
    failures: float = math.nan
    failures_per_100: float = math.nan
    frames: int = 0
    eao: float = math.nan
    ao: float = math.nan
    sequences: int = 0
    by_attribute: Mapping[str, "ResetScore"] = field(default_factory=dict)


@dataclass(frozen=True)
class SupervisedRun:
    """A run of VOT, with resets or without.

    Attributes:
        regions: boxes ``(N, 4)`` or corners ``(N, 8)``, 0-based, NaN where the tracker gave none.
        codes: int ``(N,)``: 1 where it was started, 2 where it failed, 0 elsewhere.
        truth: the ground truth, ``(N, 4)`` or ``(N, 8)``.
        frame_wh: width and height of the frames, to which regions are cut, as the VOT toolkit cuts them; None to
            leave them as they are.
    """

    regions: Floats
    codes: ArrayLike
    truth: Floats
    frame_wh: tuple[int, int] | None = None

    def overlap(self) -> Floats:
        """Intersection over union ``(N,)`` of what is inside the frame; NaN where there is no region."""
        overlap = polygon_iou(self.regions, self.truth, self.frame_wh)
        nothing = np.isnan(self.regions[:, 0]) | np.isnan(self.truth[:, 0])
        return np.where(nothing, np.nan, np.nan_to_num(overlap))  # of two regions outside nothing is left

    def only(self, frames: NDArray[np.bool_]) -> "SupervisedRun":
        """The run as if these frames ``(N,)`` were all there are."""
        codes = np.asarray(self.codes)[frames]
        return replace(self, regions=self.regions[frames], codes=codes, truth=self.truth[frames])

    def stretches(self, overlap: Floats) -> list[tuple[Floats, bool]]:
        """Overlaps from each start to its failure or the end, and whether it came to the end.

        A failure so near to the end that no start follows ends no stretch (Kristan et al.'s toolkit in MATLAB).
        """
        starts, failures = (np.flatnonzero(np.equal(self.codes, code)) for code in (START, FAILURE))
        found = []
        for start in starts:
            ends, is_last = failures[failures > start], not (starts > start).any()
            end = ends[0] if ends.size and not is_last else len(overlap)
            found.append((np.nan_to_num(overlap[start:end]), is_last))
        return found


def score_resets(sequences: Iterable[Sequence[SupervisedRun]], year: int | None = None) -> ResetScore:
    """Score the supervised runs of each sequence; EAO takes the range of the challenge's year."""
    overlaps, stretches, failures, frames = [], list[tuple[Floats, bool]](), 0.0, 0
    for runs in sequences:
        repetitions = []
        for run in runs:
            overlap = run.overlap()
            stretches += run.stretches(overlap)
            starts = np.flatnonzero(np.equal(run.codes, START))
            burning = (starts[:, None] + np.arange(BURN_IN)).ravel()
            overlap[burning[burning < len(overlap)]] = np.nan
            repetitions.append(overlap)
            failures += np.equal(run.codes, FAILURE).sum() / len(runs)
        counts = np.isfinite(repetitions).sum(axis=0)
        overlaps.append(np.nansum(repetitions, axis=0)[counts > 0] / counts[counts > 0])
        frames += len(counts)
    counted = np.concatenate([*overlaps, np.empty(0)])
    accuracy = float(counted.mean()) if counted.size else math.nan
    eao = expected_average_overlap(stretches, EAO_RANGES[year]) if year in EAO_RANGES else math.nan
    return ResetScore(accuracy, float(failures), 100 * failures / max(frames, 1), frames, eao)


def score_attributes(
    sequences: Mapping[str, Sequence[SupervisedRun]], clips: Mapping[str, Clip]
) -> dict[str, ResetScore]:
    """Accuracy and failures by attribute, frame by frame: attribute -> its score; of none, `NO_TAG`.

    VOT's toolkit (`sequence_tag_selectors` of the one in MATLAB) scores the frames that have an attribute as if a
    sequence had no others. So a failure counts where its frame has the attribute, and the burn-in is that many frames
    with the attribute from a start on that has it too.
    """
    if not any(clips[name].tags for name in sequences):
        return {}
    chosen: dict[str, list[list[SupervisedRun]]] = {}
    for name, runs in sequences.items():
        tags = clips[name].tags
        without = ~np.any([np.zeros(len(clips[name]), np.bool_), *tags.values()], axis=0)
        for tag, held in {**tags, NO_TAG: without}.items():
            chosen.setdefault(tag, []).append([run.only(held) for run in runs])
    order = sorted(chosen, key=lambda tag: (tag == NO_TAG, tag))
    return {tag: score_resets(chosen[tag]) for tag in order}


def expected_average_overlap(stretches: Sequence[tuple[Floats, bool]], lengths: tuple[int, int]) -> float:
    """EAO: the mean, over a range of lengths, of the overlap to be expected on a sequence of that length.

    A stretch that ended by a failure goes on with overlap 0 for ever; one that came to the end of its sequence
    says nothing about longer ones. The frame of the start is left out of the mean.

    Args:
        stretches: overlaps from a start on, and whether they reach the end of the sequence.
        lengths: the first and the last length in frames, the start's included; both are counted.

    Returns:
        EAO in [0, 1]; NaN where no stretch is that long.
    """
    longest = max([lengths[1] + 1, *(len(overlap) for overlap, _ in stretches)])
    total, count = np.zeros(longest), np.zeros(longest)
    for overlap, to_the_end in stretches:
        padded = np.zeros(longest)
        padded[: len(overlap)] = overlap
        padded[0] = 0
        known = len(overlap) if to_the_end else longest
        total[1:known] += padded.cumsum()[1:known] / np.arange(1, known)
        count[1:known] += 1
    with np.errstate(invalid="ignore"):
        curve = (total / count)[lengths[0] - 1 : lengths[1]]
    curve = curve[np.isfinite(curve)]  # lengths that no sequence has
    return float(curve.mean()) if curve.size else math.nan


def average_overlap(runs: Iterable[SupervisedRun]) -> float:
    """AO of runs without resets: each one's mean overlap after the burn-in, weighted by its length."""
    means, lengths = [], []
    for run in runs:
        overlap = run.overlap()[BURN_IN:]
        overlap = overlap[np.isfinite(overlap)]
        means.append(overlap.mean() if overlap.size else 0.0)
        lengths.append(len(run.truth))
    return float(np.average(means, weights=lengths)) if means else math.nan


def evaluate_resets(
    folder: Path,
    clips: Mapping[str, Clip],
    sizes: Mapping[str, tuple[int, int]],
    problems: list[str],
    year: int | None = None,
) -> ResetScore | None:
    """Score the runs of VOT in a tracker's folder, ``baseline/<sequence>/<sequence>_001.txt``, …; None without any.

    Args:
        folder: of the tracker.
        clips: sequence -> its ground truth.
        sizes: sequence -> width and height of its frames, where they are known.
        problems: gets a line for each file that cannot be used.
        year: of the challenge, where it is known.
    """
    supervised = _read_runs(folder, BASELINE, clips, sizes, problems)
    free = list(chain.from_iterable(_read_runs(folder, UNSUPERVISED, clips, sizes, problems).values()))
    if not supervised and not free:
        return None
    if not supervised:
        return ResetScore(ao=average_overlap(free))
    if year not in EAO_RANGES:
        problems.append(f"{folder.name} has no EAO: the name of the root does not say a year of 2015 to 2019")
    lacking = [name for name in clips if name not in supervised]
    if lacking:
        problems.append(
            f"{folder} is incomplete: no supervised run of {len(lacking)} of {len(clips)}: {some(lacking)}"
        )
    return replace(
        score_resets(supervised.values(), year),
        ao=average_overlap(free),
        sequences=len(supervised),
        by_attribute=score_attributes(supervised, clips),
    )


def _read_runs(
    folder: Path,
    part: str,
    clips: Mapping[str, Clip],
    sizes: Mapping[str, tuple[int, int]],
    problems: list[str],
) -> dict[str, list[SupervisedRun]]:
    """Sequence -> its runs in ``part`` of a tracker's folder; sequences without any are not in it."""
    runs: dict[str, list[SupervisedRun]] = {}
    for name, clip in clips.items():
        for path in sorted((folder / part / name).glob(f"{name}_[0-9][0-9][0-9].txt")):
            try:
                regions, codes = read_resets(path)
                if len(regions) != len(clip):
                    raise ValueError(f"{path}: {len(regions)} rows for {len(clip)} frames")
            except (OSError, ValueError) as error:
                problems.append(f"a run of {name} of {folder.name} is left out: {error}")
            else:
                runs.setdefault(name, []).append(SupervisedRun(regions, codes, clip.regions, sizes.get(name)))
    return runs


def read_resets(path: Path) -> tuple[Floats, list[int]]:
    """Regions, 0-based, and codes of a run of VOT; a line holds a region or a single code, ``2`` or ``2.0``.

    Returns:
        Boxes ``(N, 4)``, or corners ``(N, 8)`` where some line holds corners; NaN where there is a code.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is neither.
    """
    codes: list[int] = []
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path, "file of regions").rstrip().splitlines(), 1):
        fields = line.replace(",", " ").split()
        try:
            rows.append([] if len(fields) == 1 else parse_corners_of_region(fields))
            codes.append(_code(fields[0]) if len(fields) == 1 else 0)
        except ValueError as error:
            where = f"{path}, line {number}"
            raise ValueError(f"{where}: expected a region or a code, got {line[:60]!r}: {error}") from None
    width = max(map(len, rows), default=4) or 4
    return np.array([_widened(row, width) for row in rows]).reshape(-1, width), codes


def _code(text: str) -> int:
    value = float(text)
    if not value.is_integer():
        raise ValueError("a code is a whole number")
    return int(value)


def _widened(row: list[float], width: int) -> list[float]:
    """A row of ``width`` numbers, 0-based: NaN for a code, and the corners of a box beside corners."""
    if not row:
        return [math.nan] * width
    if len(row) == 8:
        return [value - 1 for value in row]
    x, y, w, h = row[0] - 1, row[1] - 1, row[2], row[3]
    return [x, y, w, h] if width == 4 else [x, y, x + w, y, x + w, y + h, x, y + h]
