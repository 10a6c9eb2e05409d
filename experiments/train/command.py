"""``python -m experiments train``: train a regression network, from nothing or from where it stopped."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from experiments.command import Command
from experiments.train.settings import TrainingSettings


@dataclass(kw_only=True)
class Train(Command):
    """Train a regression network; the run folder holds last.pt, best.safetensors, config.yaml, metrics.jsonl.

    Defaults < --config FILE < command line. Several processes: torchrun --nproc-per-node N -m experiments train …
    """

    config: Path | None = None
    """YAML file with any of the options below, sections as mappings."""

    output: Path = Path("runs/train")
    """Run folder. One that exists is refused without --resume or --overwrite."""

    resume: bool = False
    """Go on from the folder's last.pt, bit for bit; from the start where there is none yet."""

    overwrite: bool = False
    """Remove what the folder holds of an earlier run and start anew."""

    settings: Annotated[TrainingSettings, tyro.conf.arg(name="")] = field(default_factory=TrainingSettings)

    @classmethod
    def parse(cls, options: Sequence[str], prog: str) -> "Train":
        """The command of these options, over those of the config file: on a resume without one the run's own.

        Where a run has lost its ``config.yaml``, its checkpoint knows the settings.
        """
        from experiments.train.parse import option, parse, settings_from

        config, base = option(options, "--config"), None
        folder = Path(option(options, "--output") or cls.output)
        if config is None and "--resume" in options:
            if (folder / "config.yaml").is_file():
                config = str(folder / "config.yaml")
            elif (folder / "last.pt").is_file():
                from experiments.train.run_files import load_last

                base = settings_from((load_last(folder) or {})["settings"])
        return parse(cls, options, config, prog, base)

    def run(self) -> int:
        """Train; return 130 if the run was told to stop."""
        if os.environ.get("RANK", "0") == "0":
            print(f"{self.output}: reading the clips and building the network …", flush=True)
        from experiments.train.build import train

        trained = train(self.settings, self.output, resume=self.resume, overwrite=self.overwrite)
        return 0 if trained.finished else 130
