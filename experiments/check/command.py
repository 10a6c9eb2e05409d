"""``python -m experiments check``: is a dataset complete and sound, before hours are spent on it."""

from dataclasses import dataclass
from pathlib import Path

from experiments.command import Command


@dataclass(kw_only=True)
class Check(Command):
    """Say what there is of a dataset, what is missing and what is wrong with it; exit status 1 if something is.

    Sequences that are not there are listed but nothing wrong: a part of a dataset can be used.
    """

    dataset: str
    """Dataset, as for benchmark: otb2015, got10k, lasot, …, or folder for any tree in OTB's layout."""

    root: Path
    """Folder of the dataset."""

    subset: str | None = None
    """Part of the dataset, e.g. train, val or test of got10k; by default its usual one."""

    def run(self) -> int:
        """Print what was found; 1 when something is wrong."""
        from data.datasets.by_name import load_dataset
        from data.datasets.integrity import find_problems

        dataset = load_dataset(self.dataset, self.root, self.subset)
        frames = sum(len(sequence) for sequence in dataset)
        print(f"{dataset.results_name} in {dataset.root}: {len(dataset)} targets, {frames} frames")
        if dataset.lack:
            print(dataset.lack)
        count = 0
        for name, problem in find_problems(dataset):
            print(f"{name}: {problem}")
            count += 1
        print(f"{count} problems found" if count else "all of it is sound")
        return 1 if count else 0
