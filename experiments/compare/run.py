"""A comparison under way: its folder, its finished units, the rates they chose, and where units run."""

import json
import multiprocessing
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from data.files import remove_partial_files, write_json, write_text
from experiments.compare.plan import Stage, Unit, best_factors, final_units, search_units
from experiments.compare.settings import ComparisonSettings, as_mapping, with_defaults
from experiments.config_file import differences, read_config
from experiments.runtime.provenance import machine, versions

CONFIG = "config.yaml"


class Done(NamedTuple):
    """The end of a unit: the content of its result file, or its error in a line."""

    unit: Unit
    result: dict[str, Any] | None
    error: str = ""


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
        if config.is_file():
            if different := list(differences(with_defaults(read_config(config)), with_defaults(mine))):
                raise ValueError(
                    f"{self.folder} holds a comparison with other settings: {'; '.join(different)}. Give the same "
                    "ones to go on with it, another --output, or --overwrite to remove its results"
                )
        elif (self.folder / "units").is_dir():
            raise ValueError(f"{self.folder} holds units of unknown origin (no {CONFIG}): use --overwrite")
        (self.folder / "units").mkdir(parents=True, exist_ok=True)
        remove_partial_files(self.folder / "units")
        write_text(config, yaml.safe_dump(mine, sort_keys=False))

    def run(self, engine: Engine) -> dict[tuple[Stage, str], list[dict[str, Any]]]:
        """Search the rates, then run every loss with its best rate; stored results are kept.

        Returns:
            For each stage and loss the results of its seeds; those of units that failed are missing.
        """
        searches = search_units(self.stages, self.losses, self.settings.factors)
        found = self._do("search", searches, engine)
        chosen = best_factors(found)
        finals = self._do("final", final_units(chosen, self.losses, self.seeds), engine)
        results: dict[tuple[Stage, str], list[dict[str, Any]]] = {}
        for unit, result in sorted(finals, key=lambda pair: pair[0].seed):
            key = unit.stage, unit.label
            tried = {str(one.factor): got["score"] for one, got in found if (one.stage, one.label) == key}
            results.setdefault(key, []).append(result | {"search": tried})
        return results

    def _do(self, title: str, units: Sequence[Unit], engine: Engine) -> list[tuple[Unit, dict[str, Any]]]:
        """The results of the units in their order: stored ones, else new ones."""
        known = {unit: result for unit in units if (result := self._read(unit)) is not None}
        left = [unit for unit in units if unit not in known]
        if known:
            print(f"{title}: {len(known)} of {len(units)} runs are done already", flush=True)
        started, made = time.perf_counter(), {"machine": machine(), "versions": versions()}
        for count, done in enumerate(engine(left, self.settings) if left else [], 1):
            rest = (time.perf_counter() - started) / count * (len(left) - count)
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
        result: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return result if result["factor"] == unit.factor else None


def local_engine(workers: int) -> Engine:
    """Processes of this machine, each with one thread."""

    def run(units: Sequence[Unit], settings: ComparisonSettings) -> Iterator[Done]:
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        left = deque(units)
        running: dict[Future[Done], Unit] = {}
        with ProcessPoolExecutor(max(1, min(workers, len(units))), context) as pool:
            while left or running:
                # Only as many are handed out as can run: after Ctrl-C, which all processes get, no other starts.
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
