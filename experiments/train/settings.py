"""The settings of a training run, typed; files hold them as plain mappings."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from data.pairs.settings import Appearance, GeometricJitter
from experiments.config_file import plain


class Arguments(dict[str, Any]):
    """Arguments of a loss or filter layer chosen by name; `experiments.train.parse` reads them, not tyro."""


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The loss of the response. Each argument of its constructor is an option: --loss.ARGUMENT VALUE."""

    name: str = "shrinkage"
    """Registered loss of setting regress, binary or spatial."""

    arguments: Arguments = field(default_factory=Arguments)


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The network. Each argument of the filter layer's constructor is an option: --model.ARGUMENT VALUE."""

    backbone: str = "compact"
    """Registered name of the features that are trained."""

    widths: tuple[int, ...] | None = None
    """Channels of the backbone's layers, where it has them to choose."""

    initial: str | None = None
    """Weights file that the backbone's training starts from; None for random weights."""

    fixed: str | None = "hog+color"
    """Registered names, joined by +, of features that stand beside the learned ones; or None."""

    channels: int | None = 32
    """The features are reduced to so many channels before the filter; None leaves them."""

    filter: str = "ridge"
    """Registered name of the filter layer."""

    box_head: bool = False
    """Train a box head, too: crops must have an even number of cells of twice the features' stride."""

    box_trains_features: bool = False
    """Let the box head's loss change the features, too."""

    output_sigma_factor: float = 0.1
    """Standard deviation of the label over sqrt(w h) of the target."""

    arguments: Arguments = field(default_factory=Arguments)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """The training pairs."""

    sources: tuple[str, ...] = ()
    """KIND:ROOT or KIND:ROOT:WEIGHT, e.g. got10k:/data/got10k:2. Kinds: folder (any tree in OTB's layout), got10k,
    imagenet-vid, lasot, trackingnet, coco (an annotation file), images (a folder), shards (written by prepare, path
    or URL), synthetic (no root). Weights (default 1) share the pairs out. With none, synthetic sequences."""

    crop_size: int = 128
    """Side of template and search crops in pixels."""

    search_area_scale: float = 3.0
    """Side of the crops in sqrt(w h) of the target."""

    max_gap: int = 100
    """Largest distance between the two frames of a pair, in frames."""

    clip_jitter: GeometricJitter = field(default_factory=GeometricJitter)
    """Jitter of pairs from clips."""

    still_jitter: GeometricJitter = field(default_factory=lambda: GeometricJitter(scale=0.1, aspect=0.1))
    """Jitter of pairs from still images, where it is all the motion there is."""

    appearance: Appearance = field(default_factory=Appearance)
    """Jitter of light, colour, blur, noise and occlusion, where --photometric is on."""

    background: float = 0.35
    """Share of the pairs from still images whose target is pasted on another image."""

    on_error: Literal["stop", "skip"] = "stop"
    """An image that cannot be read stops the training, or is skipped and reported."""

    workers: int = 2
    """Processes that read and crop."""

    context: Literal["fork", "spawn", "forkserver"] | None = None
    """How these processes are started; by default the system's usual way."""


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """How the weights follow the gradient."""

    name: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""

    rate: float = 3e-3
    """Learning rate at its highest."""

    backbone_factor: float = 1.0
    """The backbone's rate over that of the rest: below 1 where it starts from trained weights, 0 to leave it as it
    is. While a teacher's features are learned the backbone has its full rate."""

    weight_decay: float = 1e-4
    """Weight decay of weights with two or more dimensions; biases and scales have none."""

    clip: float = 5.0
    """Largest norm of the gradient; 0 leaves it alone."""

    schedule: Literal["cosine", "step", "constant"] = "cosine"
    """The rate after the warm-up: to 0 along a cosine, times drop at each milestone, or constant."""

    warmup: int = 30
    """Steps in which the rate rises to its highest."""

    milestones: tuple[int, ...] = ()
    """Steps at which schedule step lowers the rate."""

    drop: float = 0.1
    """Factor of the rate at each milestone."""


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """How the backbone learns to say what a teacher says, before it is trained through the filter."""

    steps: int = 6000
    """First steps of the run, in which the backbone learns the teacher's features alone. No box is used in them."""

    rate: float = 4e-3
    """Learning rate at its highest; it rises in the first 200 steps and falls to 0 along a cosine."""

    window: int = 144
    """Side in pixels of the part of each crop that is looked at, at another place in each step."""

    forcing: float = 0.8
    """Share of these steps in which layers also see what the teacher's layers before them say, of all images at first
    and of none at the end of it: every layer then learns at once, not each after the one before it."""

    weight: float = 1.0
    """Weight of the teacher's term afterwards, while the backbone is trained through the filter; without it the
    features fit the training clips and forget the rest. Not computed where optimiser.backbone_factor is 0."""


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """Where and how the training is computed."""

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


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """Tracking with the averaged weights: it decides which weights are the best."""

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


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Everything that decides the outcome of a training run."""

    steps: int = 300
    """Optimiser steps of the whole run."""

    batch_size: int = 16
    """Pairs in a step, of all processes together."""

    seed: int = 0
    """Seed of weights, pairs and jitter."""

    photometric: bool = True
    """Jitter of light, colour, blur, noise and occlusion, on the device."""

    box_weight: float = 1.0
    """Weight of the box head's loss beside the response's."""

    ema_decay: float = 0.98
    """Decay of the running mean of the weights, which is validated and shipped; 0 takes the weights as they are."""

    log_every: int = 10
    """Steps between log lines."""

    checkpoint_every: int = 100
    """Steps between checkpoints."""

    on_nan: Literal["stop", "skip"] = "stop"
    """A loss or gradient that is not finite stops the run, or its step is left out (and waited for each time)."""

    teacher: str | None = None
    """Weights file of a backbone of the same form as model.backbone, e.g. NanoTrack's ONNX file: its features are
    learned first (see distillation), then the backbone is trained through the filter."""

    distillation: DistillationSettings = field(default_factory=DistillationSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)


def distillation_steps(settings: TrainingSettings) -> int:
    """Number of first steps in which a teacher's features are learned; 0 without a teacher."""
    return 0 if settings.teacher is None else settings.distillation.steps


OPEN = ("loss", "model")
"""Sections with ``arguments``."""


def as_mapping(settings: TrainingSettings) -> dict[str, Any]:
    """The settings as files hold them: mappings, lists and scalars; a section's ``arguments`` beside its fields."""
    found: dict[str, Any] = plain(asdict(settings))
    for section in OPEN:
        found[section] |= found[section].pop("arguments")
    return found
