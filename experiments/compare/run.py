"""A comparison under way: its folder, its finished units, the rates they chose, and where units run.

A unit is a training or a tracking; it has no frames to watch as a job of the benchmark has.
"""

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from data.files import read_json, remove_left_overs, replacing, write_json
from experiments.compare.plan import Stage, Unit, best_factors, final_units, search_units
from experiments.compare.settings import ComparisonSettings, as_mapping, with_defaults
from experiments.config_file import differences, read_config
from experiments.runtime.provenance import machine, versions
from experiments.runtime.workers import worker_pool

CONFIG = "config.yaml"


class Done(NamedTuple):
    """What came of a unit: what its file is to hold, or what went wrong, in a line."""

    unit: Unit
    result: dict[str, Any] | None
    error: str = ""


Engine = Callable[[Sequence[Unit], ComparisonSettings], Iterator[Done]]
"""Does the units, begun in their order; yields each when it is done."""


class Comparison:
    """Losses under one budget.

    Args:
        folder: of the results: ``config.yaml``, ``units/`` with a file for each unit, the page and ``comparison.json``.
        settings: all that decides a unit's result, but for its loss and seed: more of these may come later.
        stages: what to compare.
        losses: label -> name and arguments.
        seeds: number of them.
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
        """Make the folder this comparison's.

        Raises:
            ValueError: it holds one with other settings; the message says which differ.
        """
        config, mine = self.folder / CONFIG, as_mapping(self.settings)
        if overwrite:
            shutil.rmtree(self.folder / "units", ignore_errors=True)
            config.unlink(missing_ok=True)
        if config.is_file():
            different = list(differences(with_defaults(read_config(config)), with_defaults(mine)))
            if different:
                raise ValueError(
                    f"{self.folder} holds a comparison with other settings: {'; '.join(different)}. Give the same "
                    "ones to go on with it, another --output, or --overwrite to remove its results"
                )
        elif (self.folder / "units").is_dir():
            raise ValueError(f"{self.folder} holds units of unknown origin (no {CONFIG}): use --overwrite")
        (self.folder / "units").mkdir(parents=True, exist_ok=True)
        remove_left_overs(self.folder)
        with replacing(config) as path:
            path.write_text(yaml.safe_dump(mine, sort_keys=False), "utf-8")

    def run(self, engine: Engine) -> dict[tuple[Stage, str], list[dict[str, Any]]]:
        """Search the rates, then run every loss with its own; what is done already is kept.

        Returns:
            For each stage and loss the results of its seeds; those of units that failed are missing.
        """
        searches = search_units(self.stages, self.losses, self.settings.factors)
        found = self._do("search", searches, engine)
        chosen = best_factors(found)
        finals = self._do("final", final_units(chosen, self.losses, self.seeds), engine)
        results: dict[tuple[Stage, str], list[dict[str, Any]]] = {}
        for unit, result in sorted(finals, key=lambda pair: pair[0].seed):
            tried = {str(one.factor): got["score"] for one, got in found if self._is_search(one, unit)}
            results.setdefault((unit.stage, unit.label), []).append(result | {"search": tried})
        return results

    def _do(self, title: str, units: Sequence[Unit], engine: Engine) -> list[tuple[Unit, dict[str, Any]]]:
        """Results of the units, of this run and of earlier ones, in the order of the units."""
        known = {unit: result for unit in units if (result := self._read(unit)) is not None}
        left = [unit for unit in units if unit not in known]
        if known:
            print(f"{title}: {len(known)} of {len(units)} runs are done already", flush=True)
        started, made = time.perf_counter(), {"machine": machine(), "versions": versions()}
        for count, done in enumerate(engine(left, self.settings) if left else [], 1):
            passed = time.perf_counter() - started
            rest = passed / count * (len(left) - count)
            print(f"{title} {count}/{len(left)}  {done.unit.name}  left {rest:.0f} s", flush=True)
            if done.result is None:
                self.failed.append(done.unit.name)
                print(f"{done.unit.name} failed: {done.error}", file=sys.stderr, flush=True)
                continue
            known[done.unit] = done.result | {"factor": done.unit.factor, "made": made}
            write_json(self._file(done.unit), known[done.unit])
        return [(unit, known[unit]) for unit in units if unit in known]

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

    @staticmethod
    def _is_search(search: Unit, final: Unit) -> bool:
        return (search.stage, search.label) == (final.stage, final.label)


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
    """A Ray cluster whose nodes see the clips under the same paths; a unit whose machine dies is done elsewhere.

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
    """Do a unit in this process; whatever it raises is its own failure."""
    try:
        with redirect_stdout(StringIO()):  # the training loop's lines: many units speak at once
            if unit.stage == "offline":
                from experiments.compare.offline import train_unit

                return Done(unit, train_unit(unit, settings))
            from experiments.compare.online import online_unit

            return Done(unit, online_unit(unit, settings))
    except Exception as error:
        return Done(unit, None, f"{type(error).__name__}: {' '.join(str(error).split())}")
