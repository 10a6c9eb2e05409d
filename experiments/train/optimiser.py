"""The learning rate as a function of the step, so that a resumed run needs no state of it."""

import math
from collections.abc import Sequence
from typing import Literal


def rate_factor(
    step: int,
    steps: int,
    schedule: Literal["cosine", "step", "constant"] = "cosine",
    *,
    warmup: int = 0,
    milestones: Sequence[int] = (),
    drop: float = 0.1,
) -> float:
    """What the highest rate is multiplied with in ``step``, 0 to ``steps - 1``.

    It rises linearly, ``(step + 1) / warmup`` in the first ``warmup`` steps. After that: ``cosine`` falls as
    ``(1 + cos(pi t)) / 2`` with t the share of the remaining steps that is done (Loshchilov and Hutter, SGDR, ICLR
    2017, without restarts); ``step`` multiplies by ``drop`` from each milestone on; ``constant`` stays 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "cosine":
        return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
    return drop ** sum(step >= milestone for milestone in milestones) if schedule == "step" else 1.0
