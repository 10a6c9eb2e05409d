"""``python -m experiments check``: is a dataset or a training config sound, before hours are spent on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from experiments.command import Command
from experiments.train.settings import TrainingSettings


@dataclass(kw_only=True)
class Check(Command):
    """Check a dataset (--dataset, --root), a training config (--config), or both; exit status 1 if one is broken.

    Dataset: present, missing and damaged targets are counted. A part of a dataset can be used, so missing targets
    are no error. Config: options of train may follow it; model, loss, data and optimiser are built and a batch is
    computed, without training.
    """

    dataset: str | None = None
    """Dataset, as for benchmark: otb2015, got10k, lasot, …, or folder for any tree in OTB's layout."""

    root: Path | None = None
    """Folder of the dataset."""

    subset: str | None = None
    """Part of the dataset, e.g. train, val or test of got10k; by default its usual one."""

    config: Path | None = None
    """YAML file with options of train."""

    settings: Annotated[TrainingSettings, tyro.conf.arg(name="")] = field(default_factory=TrainingSettings)

    @classmethod
    def parse(cls, options: Sequence[str], prog: str) -> "Check":
        """Parse the options over the config file."""
        from experiments.train.parse import option, parse

        return parse(cls, options, option(options, "--config"), prog)

    def run(self) -> int:
        """Print what was found; return 1 if a dataset is broken."""
        if (self.dataset is None) != (self.root is None) or (self.dataset is None and self.config is None):
            raise ValueError(
                "check needs --dataset NAME with --root FOLDER, or --config FILE, or all of them"
            )
        if self.config is not None:
            from experiments.train.build import describe_training

            print(describe_training(self.settings))
        if self.dataset is None or self.root is None:
            return 0
        return _check_dataset(self.dataset, self.root, self.subset)


def _check_dataset(name: str, root: Path, subset: str | None) -> int:
    from data.datasets.by_name import load_dataset
    from data.datasets.integrity import find_problems
    from data.files import printable

    dataset = load_dataset(name, root, subset)
    frames = sum(map(len, dataset))
    print(f"{dataset.results_name} in {dataset.root}: {len(dataset)} targets, {frames} frames")
    if dataset.lack:
        print(dataset.lack)
    count = 0
    for sequence, problem in find_problems(dataset):
        print(f"{sequence}: {printable(problem)}")
        count += 1
    print(f"{count} problems found" if count else "all of it is sound")
    return 1 if count else 0
