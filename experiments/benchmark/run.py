"""A benchmark under way: its runs, their outcomes, and the scores."""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from tqdm import tqdm

from data.datasets.base import Dataset
from data.datasets.integrity import pairing_oddities
from data.datasets.otb_protocol import canonical_name
from data.registry import nearest
from experiments.benchmark.engines import Engine
from experiments.benchmark.jobs import Job, Outcome
from experiments.runtime.progress import progress_bar
from experiments.runtime.provenance import machine, versions
from experiments.scoring.annotations import annotations_of
from experiments.scoring.evaluation import Evaluation, evaluate
from experiments.scoring.metrics import usual_rules
from experiments.scoring.protocols import SUPERVISED, Run, plan_runs
from experiments.scoring.record import VERSION, data_record
from experiments.scoring.result_files import ResultFiles, benchmark_folder
from experiments.trackers.by_name import Contender, Description, build_available

REPETITIONS = {("got10k", "ope"): 3, ("vot", SUPERVISED): 15}
"""Dataset and protocol -> how often a tracker that is not deterministic is run on a sequence."""


def select(dataset: Dataset, names: str | None) -> Dataset:
    """Reduce the dataset to the named sequences, with commas between them; None for all.

    Raises:
        ValueError: A name is not in the dataset.
    """
    if names is None:
        return dataset
    known = {canonical_name(name) for name in [*(one.name for one in dataset), *dataset.broken]}
    wanted = [canonical_name(name.strip()) for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"sequence {name!r} is not in {dataset.root}: {nearest(name, known)}it holds {len(known)} others"
            )
    return replace(
        dataset,
        sequences=tuple(one for one in dataset if canonical_name(one.name) in wanted),
        broken={name: reason for name, reason in dataset.broken.items() if canonical_name(name) in wanted},
        missing=(),
        official_count=None,
    )


class Benchmarking:
    """Trackers on a dataset under a protocol, of OTB or ``SUPERVISED``, with results in ``<output>/results``.

    Attributes:
        files: Result files by the tracker's label.

    Raises:
        ValueError, FileNotFoundError: A tracker cannot be built, or two have one label; one of others that cannot is
            left out, unless there is no other.
    """

    def __init__(
        self, dataset: Dataset, contenders: Sequence[Contender], protocol: str, results: Path
    ) -> None:
        self.dataset = dataset
        self.protocol = protocol
        self._entries = build_available(contenders, Description)
        self._left_out = len(contenders) - len(self._entries)
        labels = [described.label for _, described in self._entries]
        if len(set(labels)) < len(labels):
            raise ValueError(f"trackers must have different names, got {', '.join(labels)}")
        self.files = {label: ResultFiles.of(results, dataset, protocol, label) for label in labels}
        self._home = results / benchmark_folder(dataset.results_name, protocol)
        self._unusable = dict(dataset.broken)
        self._runs = {
            described.label: self._plan(self._repetitions(described)) for _, described in self._entries
        }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the result folders; see ``ResultFiles.locked``."""
        with ExitStack() as stack:
            for files in self.files.values():
                stack.enter_context(files.locked())
            yield

    def claim(self, *, overwrite: Collection[str] | bool = False) -> None:
        """Take the result folders for these trackers; raises as ``ResultFiles.claim``."""
        data = data_record(self.dataset, self.protocol)
        for contender, described in self._entries:
            record = {
                "version": VERSION,
                **described.record,
                "dataset": self.dataset.name,
                "protocol": self.protocol,
                "data": data,
                "device": contender.device,
                "date": f"{date.today()}",
                "machine": machine(),
                "versions": versions(),
            }
            self.files[described.label].claim(record, overwrite=overwrite)

    def run(self, engine: Engine, *, debug: bool) -> int:
        """Do every run that is not done yet, the longest first; return the number of failures.

        Each failure is printed, with its traceback if ``debug``, and kept in ``failures.json``.
        """
        for name, reason in self._unusable.items():
            print(f"{name} cannot be run: {reason}", file=sys.stderr)
            for files in self.files.values():
                files.note(files.key(name, 1), reason)
        for sequence in self.dataset:
            for oddity in pairing_oddities(sequence):
                print(f"warning: {sequence.name}: {oddity}", file=sys.stderr)
        failed = len(self._unusable) * len(self.files) + self._left_out
        jobs = self._jobs()
        frames = sum(len(job.paths) for job in jobs)
        with progress_bar(total=frames, unit="frame") as progress:
            for outcome in engine(jobs, progress.update):
                failed += outcome.error is not None
                self._keep(outcome, debug=debug)
        return failed

    def _repetitions(self, described: Description) -> int:
        return 1 if described.is_deterministic else REPETITIONS.get((self.dataset.name, self.protocol), 1)

    def _plan(self, repetitions: int) -> list[Run]:
        runs = []
        for sequence in self.dataset:
            try:
                runs += plan_runs(sequence, self.protocol, repetitions)
            except (OSError, ValueError) as error:
                self._unusable[sequence.name] = str(error)
        return runs

    def _jobs(self) -> list[Job]:
        """The runs left to do, the longest first, so that no worker starts a long run when the others end."""
        jobs, total = [], 0
        for contender, described in self._entries:
            files, runs = self.files[described.label], self._runs[described.label]
            total += len(runs)
            jobs += [
                Job(
                    contender,
                    described.label,
                    run.sequence.name,
                    run.number,
                    run.sequence.paths[run.start :],
                    run.bbox,
                    run.sequence.regions if self.protocol == SUPERVISED else None,
                )
                for run in runs
                if not files.is_done(run.sequence.name, run.number)
            ]
        if len(jobs) < total:
            print(f"{total - len(jobs)} of {total} runs are done already")
        return sorted(jobs, key=lambda job: len(job.paths), reverse=True)

    def _keep(self, outcome: Outcome, *, debug: bool) -> None:
        job, files = outcome.job, self.files[outcome.job.label]
        key = files.key(job.sequence, job.number)
        if outcome.error is None:
            files.write(job.sequence, job.number, outcome.bboxes, outcome.seconds, outcome.codes)
        else:
            tqdm.write(f"{job.label} failed on {key}: {outcome.error}", sys.stderr)
            if debug:
                tqdm.write(outcome.details, sys.stderr)
        files.note(key, outcome.error)

    def evaluate(self) -> Evaluation:
        """Score the finished runs by the dataset's rules, as a report on the same files does."""
        # One process: this one may hold a GPU, which a fork would share.
        return evaluate(
            [self._home / label for label in self.files],
            annotations_of(self.dataset),
            usual_rules(self.dataset.name),
            "ope" if self.protocol == SUPERVISED else self.protocol,  # their files lie together
            processes=1,
        )
