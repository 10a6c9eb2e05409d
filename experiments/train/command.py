"""``python -m experiments train``: train a regression network, from nothing or from where it stopped."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from experiments.command import Command
from experiments.train.data import DataConfig


@dataclass(kw_only=True)
class LossChoice:
    """What the response is trained with; the arguments of the named loss are options too."""

    name: str = "shrinkage"
    """Registered loss of setting regress, binary or spatial."""


@dataclass(kw_only=True)
class ModelChoice:
    """The network: arguments of build_regression_net and of the filter layer named there."""


@dataclass(kw_only=True)
class OptimiserOptions:
    """How the weights follow the gradient."""

    name: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""

    rate: float = 3e-3
    """Learning rate at its highest."""

    backbone_factor: float = 1.0
    """The backbone's rate over that of the rest: below 1 where it starts from trained weights."""

    weight_decay: float = 1e-4
    """Of weights with two or more dimensions; biases and scales have none."""

    clip: float = 5.0
    """Largest norm of the gradient; 0 leaves it alone."""

    schedule: Literal["cosine", "step", "constant"] = "cosine"
    """What the rate does after the warm-up: to 0 along a cosine, times drop at each milestone, or nothing."""

    warmup: int = 30
    """Steps in which the rate rises to its highest."""

    milestones: tuple[int, ...] = ()
    """Steps at which schedule step lowers the rate."""

    drop: float = 0.1
    """What it is multiplied with there."""


@dataclass(kw_only=True)
class ComputeOptions:
    """Where and how it is computed."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one; under torchrun each process takes its own."""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Autocast of the forward pass; fp16 comes with a gradient scaler."""

    accumulation: int = 1
    """Parts that a process's share of a batch is computed in, for a batch that does not fit into memory."""

    compile: bool = False
    """Compile backbone and loss with torch.compile."""

    channels_last: bool = False
    """Channels-last memory format of images and convolutions."""

    deterministic: bool = False
    """On a GPU, deterministic kernels only: the same seed gives the same bits, more slowly. A CPU always does."""

    threads: int = 1
    """CPU threads of torch in each process. More serve a large network on an idle machine; on a busy one the
    small maps make them wait for one another. The sums depend on it, so a resume needs the same."""


@dataclass(kw_only=True)
class ValidationOptions:
    """Tracking with the averaged weights: what decides which weights are the best."""

    every: int = 100
    """Steps between validations; 0 validates only at the end."""

    clips: tuple[str, ...] = ()
    """Clips to track as DATASET:ROOT, as for benchmark; a clip among data.sources too is not trained on. With none,
    synthetic ones that training never sees."""

    names: tuple[str, ...] = ()
    """Only these of the clips; by default all."""

    frames: int = 100
    """Frames of each clip that are tracked."""

    synthetic: int = 4
    """Number of synthetic clips where there are no others."""


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

    steps: int = 300
    """Optimiser steps of the whole run."""

    batch_size: int = 16
    """Pairs in a step, of all processes together."""

    seed: int = 0
    """Of weights, pairs and jitter."""

    photometric: bool = True
    """Jitter of light, colour, blur, noise and occlusion, on the device."""

    box_weight: float = 1.0
    """Weight of the box head's loss beside the response's."""

    ema_decay: float = 0.98
    """Of the running mean of the weights, which is what is validated and shipped; 0 takes the weights as they are."""

    log_every: int = 10
    """Steps between log lines."""

    checkpoint_every: int = 100
    """Steps between checkpoints."""

    on_nan: Literal["stop", "skip"] = "stop"
    """A loss or gradient that is not finite stops the run, or its step is left out (and waited for each time)."""

    loss: LossChoice = field(default_factory=LossChoice)
    model: ModelChoice = field(default_factory=ModelChoice)
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    validation: ValidationOptions = field(default_factory=ValidationOptions)

    def settings(self) -> dict[str, Any]:
        """The resolved config: everything that decides what comes out, as plain mappings and lists."""
        from experiments.config_file import plain

        mine = asdict(self)
        for name in ("config", "output", "resume", "overwrite", "debug"):
            del mine[name]
        return plain(mine)

    def run(self) -> int:
        """Train; 130 when it was told to stop."""
        from experiments.train.build import run_training

        return run_training(self.settings(), self.output, resume=self.resume, overwrite=self.overwrite)


@dataclass(kw_only=True)
class CheckTraining(Train):
    """Resolve a training config and build model, loss, data and optimiser of it, without training."""

    def run(self) -> int:
        """Print the resolved config and what it builds."""
        from experiments.train.build import describe_training

        print(describe_training(self.settings()))
        return 0
