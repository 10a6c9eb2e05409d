"""Datasets: the sequences below a root folder, and the sequences of the official list that the root lacks."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data.datasets.clip import Clip
from data.files import printable, some
from data.registry import Registry

Reader = Callable[[], Clip | list[Clip]]
"""Reads a sequence, or several targets of one folder."""


@dataclass(frozen=True)
class Dataset:
    """The sequences of a benchmark that a root folder holds.

    Attributes:
        name: Registered name, e.g. ``otb2015``.
        results_name: Folder of its results, named as in got10k, e.g. ``OTB2015``.
        root: Folder of the dataset.
        sequences: The sequences that can be used, in the order of the official list.
        missing: Names of the official list that the root does not hold.
        broken: Name -> error, for sequences that the root holds but that cannot be used.
        official_count: Number of targets in the official list; None if there is no such list.
    """

    name: str
    results_name: str
    root: Path
    sequences: tuple[Clip, ...]
    missing: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    official_count: int | None = None

    @property
    def lack(self) -> str:
        """A sentence that names the targets of the official list that the root lacks; empty if it lacks none."""
        if self.missing:
            names, count = some(self.missing, 8), len(self.missing)
            return f"{count} of the {self.official_count} official targets are not there: {names}"
        found = len(self.sequences) + len(self.broken)
        if self.official_count is not None and found < self.official_count:
            return f"{found} of the {self.official_count} official targets are there"
        return ""

    def __len__(self) -> int:
        return len(self.sequences)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.sequences)

    def __getitem__(self, index: int) -> Clip:
        return self.sequences[index]


class Loader(Protocol):
    """Reads a dataset; registered in `DATASETS`."""

    def __call__(self, root: Path, subset: str | None) -> Dataset:
        """Read the dataset below ``root``; ``subset`` is one of its subsets, or None for the usual one."""


DATASETS: Registry[Loader] = Registry("dataset", "data.datasets")
"""Name -> `Loader`."""


def collect(
    name: str,
    results_name: str,
    root: Path,
    readers: Mapping[str, Reader | None],
    official_count: int | None = None,
    *,
    layout: str = "its sequences",
) -> Dataset:
    """Read every sequence; those that are missing or broken are listed, not raised.

    Args:
        name: Registered name of the dataset.
        results_name: Folder of its results.
        root: Folder of the dataset.
        readers: Name of the sequence -> its reader, or None if the root does not hold the sequence. A reader
            raises ``OSError`` or ``ValueError`` for a broken sequence.
        official_count: Number of targets in the official list; None if there is no such list.
        layout: What a root holds, as paths, for the message about another one.

    Raises:
        FileNotFoundError: The root holds none of the sequences.
    """
    sequences: list[Clip] = []
    broken = {}
    for sequence_name, read in readers.items():
        if read is None:
            continue
        try:
            found = read()
        except (OSError, ValueError) as error:
            broken[printable(sequence_name)] = printable(str(error))
        else:
            sequences += found if isinstance(found, list) else [found]
    for target, count in Counter(one.name for one in sequences).items():
        if count > 1:
            broken[target] = (
                f"{count} targets have this name, and so would their results: rename their folders"
            )
    sequences = [one for one in sequences if one.name not in broken]
    missing = tuple(sequence_name for sequence_name, read in readers.items() if read is None)
    if not sequences and not broken:
        got = ", ".join(sorted(path.name for path in root.iterdir())[:4]) or "nothing"
        raise FileNotFoundError(
            f"dataset root {root} holds no sequence of {name}: expected {layout}; got {printable(got)}"
        )
    return Dataset(name, results_name, root, tuple(sequences), missing, broken, official_count)


def check_subset(dataset: str, subset: str | None, choices: tuple[str, ...]) -> str:
    """Return ``subset``, or the first of ``choices`` for None.

    Raises:
        ValueError: The dataset has no such subset.
    """
    if subset is None:
        return choices[0]
    if subset not in choices:
        raise ValueError(f"subset of {dataset} must be one of {', '.join(choices)}, got '{subset}'")
    return subset
