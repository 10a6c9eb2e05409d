"""The numbers of a training run that no component checks, and how far they may go."""

from operator import attrgetter

from experiments.train.settings import TrainingSettings
from tracker.network import checkpoint

_COUNT, _SHARE = 10**9, (0, 1)

LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("steps", "log_every", "checkpoint_every", "compute.accumulation"), (1, _COUNT)),
    **dict.fromkeys(
        ("validation.every", "distillation.steps", "optimiser.warmup", "data.max_gap"), (0, _COUNT)
    ),
    **checkpoint.LIMITS,
    "batch_size": (1, 65_536),
    "seed": (0, 2**63 - 1),
    "box_weight": (0, 1e6),
    "ema_decay": _SHARE,
    "model.output_sigma_factor": (1e-3, 10),
    "data.background": _SHARE,
    "data.workers": (0, 1024),
    "compute.threads": (1, 1024),
    **{
        f"data.{pairs}.{name}": (0, 4)
        for pairs in ("clip_jitter", "still_jitter")
        for name in ("scale", "aspect")
    },
    **{f"data.{pairs}.shift": (0, 16) for pairs in ("clip_jitter", "still_jitter")},
    **{f"data.appearance.{name}": (0, 4) for name in ("gain", "tint", "curve", "saturation", "rotation")},
    "data.appearance.bias": (0, 255),
    "optimiser.clip": (0, 1e6),
    "optimiser.rate": (0, 1e3),
    "optimiser.backbone_factor": (0, 1e3),
    "optimiser.weight_decay": (0, 1e3),
    "optimiser.drop": _SHARE,
    "distillation.rate": (0, 1e3),
    "distillation.window": (32, 2048),
    "distillation.forcing": _SHARE,
    "distillation.weight": (0, 1e6),
    "validation.frames": (2, 10**6),
    "validation.synthetic": (1, 10_000),
}
"""Least and most of the numbers that no component checks: beyond them are mistakes that fill a memory or a day."""


def check_limits(settings: TrainingSettings) -> None:
    """Raise ``ValueError`` for a number that is beyond `LIMITS`, or none."""
    for name, (least, most) in LIMITS.items():
        value = attrgetter(name)(settings)
        for one in value if isinstance(value, tuple) else [value]:
            if one is not None and not least <= one <= most:
                limit = f"at most {most:g}" if one > most else f"at least {least:g}"
                raise ValueError(f"{name} must be {limit}, got {one}")
