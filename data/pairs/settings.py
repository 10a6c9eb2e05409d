"""Settings of training pairs, which are options of `train` and `prepare` too: this module loads no other."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class GeometricJitter:
    """How the search crop differs from one that is centred on the target and scaled to it."""

    shift: float = 0.6
    """Largest displacement either way along each axis, in sqrt(w h) of the target; uniform."""

    scale: float = 0.06
    """Standard deviation of the logarithm of the crop's side."""

    aspect: float = 0.05
    """Standard deviation of the logarithm of the crop's width over its height."""

    flip: float = 0.5
    """Probability that both crops are mirrored."""

    def __post_init__(self) -> None:
        _check(self, probabilities=("flip",))


@dataclass(frozen=True)
class Appearance:
    """How strongly the photometric jitter changes the crops. Deviations are standard deviations, drawn per crop."""

    gain: float = 0.2
    """Deviation of the logarithm of the brightness."""

    tint: float = 0.06
    """Deviation of the logarithm of each colour's brightness."""

    curve: float = 0.25
    """Deviation of c in the tone curve x + c x (1 - x), x in [0, 1]."""

    bias: float = 8.0
    """Deviation of the grey levels that are added."""

    saturation: float = 0.25
    """Deviation of the logarithm of the saturation."""

    grey: float = 0.1
    """Probability that both crops lose their colours."""

    blur: float = 0.2
    """Probability of a blur, out of focus or along a direction."""

    noise: float = 0.3
    """Probability of noise, whose deviation is up to 10 grey levels."""

    rotation: float = 0.06
    """Deviation of the search crop's rotation about the target's centre, in radians."""

    occluder: float = 0.18
    """Probability that something covers a part of the target in the search crop."""

    distractor: float = 0.27
    """Probability that another pair's target appears beside the target in the search crop."""

    def __post_init__(self) -> None:
        _check(self, probabilities=("grey", "blur", "noise", "occluder", "distractor"))


def _check(jitter: GeometricJitter | Appearance, probabilities: tuple[str, ...]) -> None:
    for name, value in vars(jitter).items():
        limit = 1 if name in probabilities else math.inf
        if not 0 <= value <= limit or value == math.inf:
            wanted = "a probability in [0, 1]" if limit == 1 else "finite and not negative"
            raise ValueError(f"{name} of {type(jitter).__name__} must be {wanted}, got {value}")


@dataclass(frozen=True)
class TrackletSettings:
    """How a target is cropped once, with margin for the jitter of training."""

    frames_per_clip: int = 64
    """Crops of a clip at most, spread evenly over it."""

    context: float = 8.0
    """Side of the crops in sqrt(w h) of the target. Training crops need search_area_scale + 2 shift, and a little."""

    target_size: int = 48
    """Larger targets are shrunk to this sqrt(w h) in pixels. Crops of 200 pixels and 5 targets show them at 40."""

    quality: int = 92
    """Quality of the JPEG crops, 1 to 100."""

    def __post_init__(self) -> None:
        if self.frames_per_clip < 1 or self.target_size < 4 or not 1 <= self.quality <= 100:
            raise ValueError(
                "frames_per_clip must be 1 or more, target_size 4 or more pixels and quality 1 to 100, "
                f"got {self.frames_per_clip}, {self.target_size} and {self.quality}"
            )
        if not 1 <= self.context < math.inf:
            raise ValueError(f"context must be 1 or more target sizes, got {self.context}")
