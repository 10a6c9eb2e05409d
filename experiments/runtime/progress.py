"""The progress of a long job and the time left."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def time_left(seconds: float) -> str:
    """Say a time as ``left 1:02:03``."""
    left = round(seconds)
    return f"left {left // 3600}:{left // 60 % 60:02}:{left % 60:02}"


def progress_bar(steps: Iterable[Any] | None = None, *, total: int | None, unit: str) -> "tqdm":
    """Make a bar on stderr with rate and time left, around ``steps`` or moved by its ``update``.

    Args:
        steps: The steps to count; None to count by ``update()``.
        total: Number of steps; None if it is unknown.
        unit: Name of a step, e.g. ``frame``.
    """
    from tqdm import tqdm

    # In a log file a line every ten seconds is enough.
    pace = {} if sys.stderr.isatty() else {"mininterval": 10, "delay": 2}
    # The mean rate since the start, not that of the last steps, says best when work of many parts will end.
    return tqdm(steps, total=total, unit=unit, smoothing=0, disable=total == 0, **pace)
