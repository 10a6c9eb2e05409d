"""Result files: where they are, what is in them, and what is wrong with them."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from data.boxes import Floats
from data.datasets.by_name import canonical_name
from experiments.scoring.metrics import Protocol
from experiments.scoring.protocols import PROTOCOLS, SRE_SHIFTS, tre_starts
from experiments.scoring.timing import Timing

_SUFFIXES = {way: "" if way == "ope" else f"-{way.upper()}" for way in PROTOCOLS}


def present_ways(results: Path, benchmark: str) -> dict[str, Path]:
    """How trackers were run, one of `PROTOCOLS`, and the folder of its results, as far as there are any.

    Raises:
        FileNotFoundError: there are none.
    """
    if not results.is_dir():
        raise FileNotFoundError(f"results folder does not exist: {results}")
    folders = {_plain(path.name): path for path in sorted(results.iterdir()) if path.is_dir()}
    names = {way: _plain(benchmark + suffix) for way, suffix in _SUFFIXES.items()}
    found = {way: folders[name] for way, name in names.items() if name in folders}
    if not found:
        raise FileNotFoundError(
            f"results folder {results} must hold {benchmark}/TRACKER/SEQUENCE.txt, got no folder {benchmark}"
        )
    return found


def find_trackers(folder: Path, trackers: Sequence[str] = ()) -> list[Path]:
    """Folders of the named trackers, or of all, in a benchmark's folder of results.

    Raises:
        FileNotFoundError: there is no such tracker, or none at all.
    """
    folders = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    unknown = [name for name in trackers if name not in folders]
    if unknown or not folders:
        raise FileNotFoundError(
            f"no results of {', '.join(unknown) or 'any tracker'} in {folder}: "
            f"there are {', '.join(folders) or 'no folders'}"
        )
    return [folders[name] for name in trackers] if trackers else list(folders.values())


def find_runs(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """A tracker's result files by the canonical name of their sequence, and what is wrong with the names.

    OTB's layout is ``<sequence>.txt``; GOT-10k's, and that of TRE and SRE, ``<sequence>/<sequence>_001.txt``,
    a file for each run.
    """
    runs: dict[str, list[Path]] = {}
    problems = []
    for path in sorted(folder.glob("*.txt")):
        taken = runs.setdefault(canonical_name(path.stem), [path])[0]
        if taken != path:
            problems.append(f"{path} is left out: {taken.name} is of the same sequence")
    for path in sorted(folder.glob("*/*_[0-9][0-9][0-9].txt")):
        if path.stem[:-4] == path.parent.name:
            runs.setdefault(canonical_name(path.parent.name), []).append(path)
    return runs, problems


def run_truths(truth: Floats, way: str, count: int) -> list[Floats]:
    """The ground truth of each of a sequence's ``count`` runs: what is left from the frame it starts in.

    Raises:
        ValueError: TRE or SRE asks for another number of runs.
    """
    if way == "ope" or not count:
        return [truth] * count
    starts = tre_starts(truth) if way == "tre" else [0] * len(SRE_SHIFTS)
    if len(starts) != count:
        raise ValueError(f"{way.upper()} asks for {len(starts)} runs, got {count}")
    return [truth[start:] for start in starts]


def check_predicted(bboxes: Floats, path: Path, truth: Floats, protocol: Protocol) -> str:
    """Check that a result file has a valid box for each frame of its sequence.

    Under ``otb`` it may end early: what it has is scored, as was done for the published figures of STRUCK and
    MDNet.

    Args:
        bboxes: its boxes ``(n, 4)``, NaN for invalid ones.
        path: the file.
        truth: the ground truth ``(N, 4)``.
        protocol: whose rules to follow.

    Returns:
        A line about what is odd with boxes that can be scored all the same; empty if nothing is.

    Raises:
        ValueError: it has too few or too many rows; file and line are named.
    """
    rows, frames = len(bboxes), len(truth)
    if rows > frames:
        raise ValueError(f"{path}, line {frames + 1}: {rows} rows for {frames} annotated frames")
    if rows < frames and (protocol != "otb" or rows == 0):
        raise ValueError(f"{path}, line {rows + 1}: the file ends after {rows} of {frames} frames")
    if rows < frames:
        return f"{path}, line {rows + 1}: ends after {rows} of {frames} frames; those are scored"
    invalid = np.flatnonzero(np.isnan(bboxes[:, 0]))
    if invalid.size:
        rule = "the last valid box stands in" if protocol == "otb" else "a miss where there is a target"
        return f"{path}, line {invalid[0] + 1}: no valid box, as in {invalid.size} rows; {rule}"
    return ""


def read_timing(folder: Path, problems: list[str]) -> Timing | None:
    """Speed over all time files: ``times/<sequence>_time.txt``, or GOT-10k's, a column for each repetition."""
    otb_layout = folder / "times"
    paths = sorted(otb_layout.glob("*_time.txt") if otb_layout.is_dir() else folder.glob("*/*_time.txt"))
    runs: list[Floats] = []
    for path in paths:
        try:
            seconds = _read_seconds(path)
        except (OSError, ValueError) as error:
            problems.append(f"{path} is left out: {error}")
        else:
            runs += [column[np.isfinite(column)] for column in seconds.T]  # NaN: a repetition that failed
    return Timing.of(*runs) if runs else None


def _read_seconds(path: Path) -> Floats:
    text = path.read_text().rstrip()
    seconds = np.empty((0, 0))
    if text:
        with suppress(ValueError):
            seconds = np.loadtxt(text.split("\n"), delimiter="," if "," in text else None, ndmin=2)
    if not np.isfinite(seconds).any():
        raise ValueError("expected a number of seconds a line")
    return seconds


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
