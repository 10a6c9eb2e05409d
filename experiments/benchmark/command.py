"""``python -m experiments benchmark``: trackers on a dataset, with results other tools read."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from experiments.command import ParallelCommand, registered

if TYPE_CHECKING:
    from data.datasets.base import Dataset
    from experiments.benchmark.engines import Engine
    from experiments.benchmark.run import Benchmarking


@dataclass(kw_only=True)
class Benchmark(ParallelCommand):
    """Run trackers on a dataset; what is done already is kept, so a broken-off run goes on where it stopped.

    Boxes and times go to OUTPUT/results in got10k's layout, one folder a tracker, with run.json beside them.
    """

    dataset: Annotated[
        str,
        arg(
            help=f"Dataset: {registered('data/datasets')}; otb100 is otb2015, folder any tree in OTB's layout."
        ),
    ]

    root: Path
    """Folder of the dataset; nothing is ever downloaded. For synthetic, where to render it."""

    trackers: Annotated[
        str,
        arg(
            help=f"Names with commas between them: ours ({registered('tracker/presets')}), a trained tracker's file "
            "(runs/x/best.safetensors), opencv-csrt, opencv-kcf, opencv-mil, opencv-nano, opencv-vit, or "
            "module:Class for a subclass of got10k's Tracker."
        ),
    ] = "fast"

    subset: str | None = None
    """Part of the dataset, e.g. train, val or test of got10k; by default its usual one."""

    protocol: Literal["ope", "tre", "sre", "supervised"] | None = None
    """One pass, OTB's 20 start frames, OTB's 12 shifted and scaled initial boxes, or VOT's new start after each
    failure; by default supervised on vot, ope elsewhere."""

    sequences: str | None = None
    """Only these sequences, with commas between them."""

    output: Path = Path("runs/benchmark")
    """Folder for the results."""

    overwrite: bool = False
    """Remove what these trackers have on this dataset and protocol, or on the --sequences given, and start anew."""

    timeout: float | None = None
    """Seconds after which a tracker that gives no answer in a frame is stopped; by default never."""

    weights: tuple[str, ...] = ()
    """Files of weights as TRACKER=PATH, or a PATH for the only tracker; for opencv-nano and opencv-vit the
    folder of their ONNX files."""

    backbone: tuple[str, ...] = ()
    """Other features of our trackers as TRACKER=NAME, or a NAME for the only tracker, e.g. dslt-paper=vgg16."""

    loss: tuple[str, ...] = ()
    """Losses that our trackers learn with on line (dslt, dslt-paper, dslt-code) as TRACKER=NAME:ARGUMENT=VALUE,…"""

    device: str = "cpu"
    """Where our trackers run: cpu, cuda, cuda:1 …"""

    runtime: Literal["auto", "onnx", "torch"] = "auto"
    """What runs their networks: auto is ONNX Runtime on a CPU where it is installed (requirements-onnx.txt)."""

    pack: bool = False
    """Write and check the zip that the server of GOT-10k or TrackingNet takes (subset test)."""

    def run(self) -> int:
        """Run what is not done yet, print the scores; 1 when something failed."""
        from experiments.benchmark.worker import warm_up

        self._check()
        if self.engine == "local":
            warm_up()
        from data.datasets.by_name import load_dataset
        from experiments.benchmark.run import Benchmarking, select
        from experiments.scoring.protocols import usual_protocol
        from experiments.trackers.by_name import parse_contenders

        contenders = parse_contenders(
            self.trackers, self.weights, self.device, self.backbone, self.loss, self.runtime
        )
        dataset = select(load_dataset(self.dataset, self.root, self.subset), self.sequences)
        if dataset.lack:
            print(dataset.lack)
        protocol = self.protocol or usual_protocol(dataset.name)
        benchmarking = Benchmarking(dataset, contenders, protocol, self.output / "results")
        with benchmarking.locked():
            names = None if self.sequences is None else [one.name for one in dataset]
            benchmarking.claim(overwrite=(names or True) if self.overwrite else False)
            failed = benchmarking.run(self._engine(), debug=self.debug)
            failed += self._score(benchmarking)
            if self.pack:
                self._pack(dataset, benchmarking)
        return 1 if failed else 0

    def _check(self) -> None:
        self.check_workers()
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"--timeout must be a positive number of seconds, got {self.timeout:g}")
        usual = {"got10k": "val", "trackingnet": "test"}.get(self.dataset)
        if self.pack and (not usual or (self.subset or usual, self.protocol or "ope") != ("test", "ope")):
            raise ValueError(
                "--pack is for --dataset got10k or trackingnet, --subset test and --protocol ope"
            )

    def _engine(self) -> "Engine":
        if self.engine == "ray":
            from experiments.benchmark.engines import ray_engine

            return ray_engine(self.workers, self.timeout, self.address)
        from experiments.benchmark.engines import local_engine

        return local_engine(self.workers, self.timeout)

    def _score(self, benchmarking: "Benchmarking") -> int:
        """Print the scores so far, and what is wrong with files; return how many trackers lack a score."""
        from experiments.scoring.score_table import print_scores

        evaluation = benchmarking.evaluate()
        for line in (line for one in evaluation.results for line in one.problems):
            print(f"warning: {line}", file=sys.stderr)
        print_scores(evaluation)
        return sum(one.lacks(evaluation.attributes) for one in evaluation.results)

    def _pack(self, dataset: "Dataset", benchmarking: "Benchmarking") -> None:
        from experiments.benchmark.submissions import pack

        for files in benchmarking.files.values():
            print(f"packed {pack(files, dataset)}")
