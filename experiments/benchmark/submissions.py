"""The zip for GOT-10k's server, made from test results that are complete and valid."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.datasets.base import Dataset
from data.datasets.clip import Clip
from data.files import replacing
from experiments.scoring.result_files import ResultFiles

_NAMES = [f"GOT-10k_Test_{number:06d}" for number in range(1, 181)]
_ROW = re.compile(r"-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3}")


def pack(files: ResultFiles, dataset: Dataset) -> Path:
    """Write ``<tracker>.zip`` beside the tracker's folder.

    At its root are the folders of the 180 test sequences, each with the boxes of one run or three and their times.
    Results of other subsets in the tracker's folder are left out.

    Args:
        files: The tracker's results.
        dataset: GOT-10k's test subset, for the number of rows of each file.

    Raises:
        ValueError: A sequence, a row or a time is missing or wrong; the first few are named.
    """
    sequences = {sequence.name: sequence for sequence in dataset}
    unknown = [name for name in _NAMES if name not in sequences]
    if unknown:
        raise ValueError(
            f"a submission needs all {len(_NAMES)} test sequences of GOT-10k, but {len(unknown)} are not in "
            f"{dataset.root} or were left out: {', '.join(unknown[:3])}, …"
        )
    problems = [problem for name in _NAMES for problem in _problems(files, sequences[name])]
    if problems:
        raise ValueError(
            f"results in {files.folder} cannot be submitted, {len(problems)} problems: {'; '.join(problems[:5])}"
        )
    target = files.folder.with_name(f"{files.folder.name}.zip")
    with (
        replacing(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in _NAMES:
            for path in [*_box_files(files, name), files.time_file(name)]:
                archive.write(path, f"{name}/{path.name}")
    return target


def _box_files(files: ResultFiles, name: str) -> list[Path]:
    return [files.box_file(name, number) for number in (1, 2, 3) if files.is_done(name, number)]


def _problems(files: ResultFiles, sequence: Clip) -> Iterator[str]:
    boxes = _box_files(files, sequence.name)
    if len(boxes) not in (1, 3):
        yield f"{sequence.name} has {len(boxes)} runs, expected 1 or 3"
        return
    for path in boxes:
        rows = path.read_text("utf-8", errors="replace").splitlines()
        if len(rows) != len(sequence):
            yield f"{path.name} has {len(rows)} rows, expected {len(sequence)}"
        wrong = next((number for number, row in enumerate(rows, 1) if not _ROW.fullmatch(row)), None)
        if wrong is not None:
            yield f"{path.name}, row {wrong} is not x,y,w,h: {rows[wrong - 1]!r}"
    times = files.time_file(sequence.name)
    try:
        seconds = np.loadtxt(times, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        yield f"{times.name}: {error}"
        return
    if seconds.shape != (len(sequence), len(boxes)) or not (seconds >= 0).all():
        yield f"{times.name} must hold {len(sequence)} times of {len(boxes)} runs, got shape {seconds.shape}"
