"""How far a comparison is: units of two stages and two phases take very different times."""

import time
from collections import Counter
from collections.abc import Mapping

from experiments.compare.plan import Stage, Unit
from experiments.compare.settings import Budget


def work(unit: Unit, budget: Budget, clips: Mapping[str, int]) -> int:
    """About how long a unit takes, in pairs to train on and frames to track.

    Args:
        unit: of either stage.
        budget: of the comparison.
        clips: number of ``validation`` and of ``test`` clips.
    """
    is_final = unit.phase == "final"
    frames = budget.frames * clips["test"] if is_final else budget.search_frames * clips["validation"]
    steps = budget.steps if is_final else budget.search_steps
    return frames + 1 + (steps * budget.batch_size if unit.stage == "offline" else 0)


class Remaining:
    """Seconds that are left, from what units of each stage took so far.

    Args:
        left: work that is left in each stage, of all units that will ever be done.
    """

    def __init__(self, left: Mapping[Stage, int]) -> None:
        self._left, self._done, self._seconds = Counter(left), Counter[Stage](), dict[Stage, float]()
        self._last = time.perf_counter()

    def done(self, stage: Stage, amount: int) -> float:
        """Note a unit that has just ended, and return the seconds that all the others will take.

        A stage of which none has ended yet is taken to be as quick as the others.
        """
        now = time.perf_counter()
        # Between two ends all processes worked, so that the seconds are those of the whole machine.
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last = now
        self._done[stage] += amount
        self._left[stage] -= amount
        pace = sum(self._seconds.values()) / max(self._done.total(), 1)
        return sum(
            max(left, 0) * (self._seconds[one] / self._done[one] if self._done[one] else pace)
            for one, left in self._left.items()
        )
