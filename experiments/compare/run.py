"""A comparison under way: its folder, its finished units, the rates they chose, and where units run."""

import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from data.files import read_json, remove_left_overs, write_json, write_text
from experiments.compare.clips import clips_at
from experiments.compare.plan import Stage, Unit, best_factors, final_units, search_units
from experiments.compare.settings import Budget, ComparisonSettings, as_mapping, with_defaults
from experiments.config_file import differences, read_config
from experiments.runtime.lock import make_folder
from experiments.runtime.progress import time_left
from experiments.runtime.provenance import machine, versions
from experiments.runtime.workers import worker_pool
from experiments.scoring.record import check_record, fingerprint, sequence_record, weights_record
from experiments.train.data import build_pairs

CONFIG = "config.yaml"


class Done(NamedTuple):
    """The end of a unit: the content of its result file, or its error in a line."""

    unit: Unit
    result: dict[str, Any] | None
    error: str = ""


Found = dict[tuple[Stage, str], list[dict[str, Any]]]
"""For each stage and loss the results of its seeds."""

Engine = Callable[[Sequence[Unit], ComparisonSettings], Iterator[Done]]
"""Starts the units in their order and yields the end of each."""


class Comparison:
    """A comparison of losses under one budget.

    Args:
        folder: gets ``config.yaml``, ``units/`` with a file for each unit, the page and ``comparison.json``.
        settings: all that decides a unit's result but its loss and seed; losses and seeds may be added later.
        stages: the stages compared.
        losses: label -> name and arguments.
        seeds: number of seeds.
    """

    def __init__(
        self,
        folder: Path,
        settings: ComparisonSettings,
        stages: Sequence[Stage],
        losses: Mapping[str, Mapping[str, Any]],
        seeds: int,
    ) -> None:
        self.folder, self.settings, self.losses, self.seeds = folder, settings, losses, seeds
        self.stages = stages
        self.failed: list[str] = []

    def claim(self, *, overwrite: bool) -> None:
        """Take the folder for this comparison.

        Raises:
            ValueError: it holds a comparison with other settings; the message says which differ.
        """
        config, mine = self.folder / CONFIG, as_mapping(self.settings)
        if overwrite:
            shutil.rmtree(self.folder / "units", ignore_errors=True)
            config.unlink(missing_ok=True)
        record = self._record()
        if config.is_file():
            before = read_config(config)
            stored = before.pop("record", {})
            different = list(differences(with_defaults(before), with_defaults(mine)))
            if different:
                raise ValueError(
                    f"{self.folder} holds a comparison with other settings: {'; '.join(different)}. Give the same "
                    "ones to go on with it, another --output, or --overwrite to remove its results"
                )
            check_record(stored, record)
        elif (self.folder / "units").is_dir():
            raise ValueError(f"{self.folder} holds units of unknown origin (no {CONFIG}): use --overwrite")
        make_folder(self.folder)
        remove_left_overs(self.folder)
        write_text(config, yaml.safe_dump(mine | {"record": record}, sort_keys=False))
        (self.folder / "units").mkdir(exist_ok=True)  # last: units without a config are of unknown origin
        self._over, self._remaining = 0, Remaining(self._all_work())

    def _record(self) -> dict[str, Any]:
        """What the results depend on beside the settings: weights, and the data of sources and clips."""
        settings, train = self.settings, self.settings.train
        files = [Path(file) for file in (settings.online.weights, train.model.initial, train.teacher) if file]
        places = {"validation": settings.validation, "test": settings.test}
        clips = {name: clips_at(place) for name, place in places.items()}
        self._clips = {name: len(some) for name, some in clips.items()}
        data = {
            f"{name} {clip.name}": fingerprint((sequence_record(clip.paths, clip.bboxes), clip.bboxes))
            for name, some in clips.items()
            for clip in some
        }
        sources = fingerprint(build_pairs(train.data, length=1).sources)
        return {"weights": weights_record(files), "data": data | {"sources": sources}}

    def run(self, engine: Engine, show: Callable[[Found, int], object] | None = None) -> Found:
        """Search the rates, then run every loss with its best rate; stored results are kept.

        Args:
            engine: does the units.
            show: told what there is and how many runs are missing whenever another seed of all losses is done.

        Returns:
            For each stage and loss the results of its seeds; those of units that failed are missing.
        """
        searches = search_units(self.stages, self.losses, self.settings.factors)
        count = len(self.stages) * len(self.losses)
        self._all = len(searches) + count * self.seeds
        searched = self._do(searches, engine)
        finals = final_units(best_factors(searched.items()), self.losses, self.seeds)
        done: dict[Unit, dict[str, Any]] = {}
        for start in range(0, len(finals), max(count, 1)):  # a seed of all losses
            done |= self._do(finals[start : start + count], engine)
            missing = len(finals) - start - count
            if show and missing > 0 and done:
                show(self._together(searched, done), missing)
        return self._together(searched, done)

    @staticmethod
    def _together(
        searched: Mapping[Unit, Mapping[str, Any]], done: Mapping[Unit, Mapping[str, Any]]
    ) -> Found:
        """What came out, by stage and loss, each with the rates that were tried for it."""
        results: Found = {}
        for unit, result in done.items():
            own = (unit.stage, unit.label)
            tried = {
                str(one.factor): got["score"]
                for one, got in searched.items()
                if (one.stage, one.label) == own
            }
            results.setdefault(own, []).append({**result, "search": tried})
        return results

    def _do(self, units: Sequence[Unit], engine: Engine) -> dict[Unit, dict[str, Any]]:
        """The results of the units in their order: stored ones, else new ones."""
        known = {unit: result for unit in units if (result := self._read(unit)) is not None}
        left = [unit for unit in units if unit not in known]
        self._over += len(known)
        if known:
            print(f"{self._over} of {self._all} runs are done already", flush=True)
        if not left:
            return known
        made = {"machine": machine(), "versions": versions()}
        for done in engine(left, self.settings):
            self._over += 1
            print(f"{self._over}/{self._all}  {done.unit.name}  {self._rest(done.unit)}", flush=True)
            if done.result is None:
                self.failed.append(done.unit.name)
                print(f"{done.unit.name} failed: {done.error}", file=sys.stderr, flush=True)
                continue
            known[done.unit] = done.result | {"factor": done.unit.factor, "made": made}
            write_json(self._file(done.unit), known[done.unit])
        return {unit: known[unit] for unit in units if unit in known}

    def _rest(self, unit: Unit) -> str:
        """The time left, of both phases together, after a unit that has just ended."""
        return time_left(self._remaining.done(unit.stage, work(unit, self.settings.budget, self._clips)))

    def _all_work(self) -> Counter[Stage]:
        """Work of the units that are not done yet; the rates of the final ones decide nothing of it."""
        units = search_units(self.stages, self.losses, self.settings.factors)
        units += final_units({(unit.stage, unit.label): 1.0 for unit in units}, self.losses, self.seeds)
        left: Counter[Stage] = Counter()
        for unit in units:
            if not self._file(unit).is_file():
                left[unit.stage] += work(unit, self.settings.budget, self._clips)
        return left

    def _file(self, unit: Unit) -> Path:
        return self.folder / "units" / f"{unit.name}.json"

    def _read(self, unit: Unit) -> dict[str, Any] | None:
        """The unit's stored result; None if there is none or its rate is no longer the chosen one."""
        file = self._file(unit)
        if not file.is_file():
            return None
        result = read_json(file)
        if not {"factor", "score" if unit.phase == "search" else "rate"} <= result.keys():
            raise ValueError(f"{file} holds no result of a run: remove it, and the run is done again")
        return result if result["factor"] == unit.factor else None


def local_engine(workers: int) -> Engine:
    """Processes of this machine, each with one thread."""

    def run(units: Sequence[Unit], settings: ComparisonSettings) -> Iterator[Done]:
        left = deque(units)
        running: dict[Future[Done], Unit] = {}
        with worker_pool(max(1, min(workers, len(units)))) as pool:
            while left or running:
                # No more are handed out than run: what has begun first is done first.
                while left and len(running) < workers:
                    unit = left.popleft()
                    running[pool.submit(perform, unit, settings)] = unit
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    unit = running.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        yield Done(unit, None, "its process died; memory may have run out")
                        left.clear()  # the pool takes no more

    return run


def ray_engine(workers: int, address: str | None, *, on_gpu: bool) -> Engine:
    """A Ray cluster whose nodes see the clips under the same paths; a unit whose machine dies is run elsewhere.

    Raises:
        RuntimeError: Ray is not installed.
    """
    from experiments.runtime.cluster import Call, ray_cluster

    run_on_ray = ray_cluster(workers, address)

    def run(units: Sequence[Unit], settings: ComparisonSettings) -> Iterator[Done]:
        for ended in run_on_ray(perform, [Call((unit, settings), on_gpu=on_gpu) for unit in units]):
            yield ended.result or Done(units[ended.number], None, ended.error)

    return run


def perform(unit: Unit, settings: ComparisonSettings) -> Done:
    """Run a unit in this process; whatever it raises is the unit's failure."""
    try:
        with redirect_stdout(StringIO()):  # the training loop's lines: many units speak at once
            if unit.stage == "offline":
                from experiments.compare.offline import train_unit

                return Done(unit, train_unit(unit, settings))
            from experiments.compare.online import online_unit

            return Done(unit, online_unit(unit, settings))
    except Exception as error:
        return Done(unit, None, f"{type(error).__name__}: {' '.join(str(error).split())}")


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
