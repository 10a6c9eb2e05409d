"""The zips for the servers of GOT-10k and TrackingNet, made from test results that are complete and valid."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.datasets.base import Dataset
from data.datasets.clip import Clip
from data.files import replacing
from experiments.scoring.result_files import ResultFiles

COUNTS = {"got10k": 180, "trackingnet": 511}
"""How many test sequences each server wants."""

_ROW = re.compile(r"-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3}")


def pack(files: ResultFiles, dataset: Dataset) -> Path:
    """Write ``<tracker>.zip`` beside the tracker's folder.

    GOT-10k's holds the folders of the 180 test sequences, each with the boxes of one run or of three and their times;
    TrackingNet's a file of boxes for each of its 511. Results of other subsets in the tracker's folder stay out.

    Args:
        files: The tracker's results.
        dataset: The test subset of either, which says how many rows each file must have.

    Raises:
        ValueError: A sequence, a row or a time is missing or wrong; the first few are named.
    """
    sequences = {sequence.name: sequence for sequence in dataset}
    unknown = [name for name in _names(dataset) if name not in sequences]
    wanted = COUNTS[dataset.name]
    if unknown or len(sequences) != wanted:
        raise ValueError(
            f"a submission needs all {wanted} test sequences of {dataset.results_name}, but "
            f"{wanted - len(sequences)} are not in {dataset.root} or were left out: {', '.join([*unknown[:3], '…'])}"
        )
    problems = [problem for one in dataset for problem in _problems(files, one)]
    if problems:
        raise ValueError(
            f"results in {files.folder} cannot be submitted, {len(problems)} problems: {'; '.join(problems[:5])}"
        )
    target = files.folder.with_name(f"{files.folder.name}.zip")
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sequences:
            times = [files.time_file(name)] if files.shared_times else []
            for path in [*_box_files(files, name), *times]:
                archive.write(path, path.relative_to(files.folder).as_posix())
    return target


def _names(dataset: Dataset) -> list[str]:
    """What there must be, as far as it is known without the data."""
    if dataset.name == "got10k":
        return [f"GOT-10k_Test_{number:06d}" for number in range(1, 181)]
    return [*dataset.missing, *dataset.broken]


def _box_files(files: ResultFiles, name: str) -> list[Path]:
    numbers = (1, 2, 3) if files.numbered else (1,)
    return [files.box_file(name, number) for number in numbers if files.is_done(name, number)]


def _problems(files: ResultFiles, sequence: Clip) -> Iterator[str]:
    boxes = _box_files(files, sequence.name)
    if len(boxes) not in (1, 3):
        yield f"{sequence.name} has {len(boxes)} runs, expected 1{' or 3' if files.numbered else ''}"
        return
    for path in boxes:
        rows = path.read_text("utf-8", errors="replace").splitlines()
        if len(rows) != len(sequence):
            yield f"{path.name} has {len(rows)} rows, expected {len(sequence)}"
        wrong = next((number for number, row in enumerate(rows, 1) if not _ROW.fullmatch(row)), None)
        if wrong is not None:
            yield f"{path.name}, row {wrong} is not x,y,w,h: {rows[wrong - 1]!r}"
    if files.shared_times:
        yield from _time_problems(files.time_file(sequence.name), len(sequence), len(boxes))


def _time_problems(file: Path, frames: int, runs: int) -> Iterator[str]:
    try:
        seconds = np.loadtxt(file, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        yield f"{file.name}: {error}"
        return
    if seconds.shape != (frames, runs) or not (seconds >= 0).all():
        yield f"{file.name} must hold {frames} times of {runs} runs, got shape {seconds.shape}"
