"""How far a long job is and when it will be done."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(
    steps: Iterable[Any] | None = None, *, total: int | None, unit: str, label: str | None = None
) -> "tqdm":
    """A bar on stderr with rate and time left: around ``steps``, or moved on by its ``update``.

    Args:
        steps: What to count; None to count by ``update()``.
        total: How many there will be; None where nobody knows.
        unit: What is counted, e.g. ``frame``.
        label: What is being done.
    """
    from tqdm import tqdm

    # In a log file a line every ten seconds is enough.
    pace = {} if sys.stderr.isatty() else {"mininterval": 10, "delay": 10}
    return tqdm(steps, desc=label, total=total, unit=unit, **pace)
