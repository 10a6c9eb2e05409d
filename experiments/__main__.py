"""``python -m experiments COMMAND …``: one file of this folder for each command.

Only the argument schemas are imported here; a command imports torch, OpenCV and the rest when it runs, so
that ``--help`` answers at once.
"""

import sys
from collections.abc import Callable, Sequence

import tyro

from experiments.benchmark.command import Benchmark
from experiments.check.command import Check
from experiments.command import Command
from experiments.compare.command import Compare
from experiments.demo.command import Demo
from experiments.losses.command import Losses
from experiments.prepare.command import Prepare
from experiments.report.command import Report
from experiments.track.command import Track
from experiments.train.command import Train
from experiments.train.parse import is_training, parse_training

COMMANDS: dict[str, Callable[..., Command]] = {
    "benchmark": Benchmark,
    "check": Check,
    "compare": Compare,
    "demo": Demo,
    "losses": Losses,
    "prepare": Prepare,
    "report": Report,
    "track": Track,
    "train": Train,
}


def _parse(arguments: list[str]) -> Command:
    if is_training(arguments):
        return parse_training(arguments)
    command: Command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS,
        args=arguments,
        prog="python -m experiments",
        description="Train, track and benchmark deep regression trackers.",
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse ``arguments`` (default: the process's), run the command, return its exit status."""
    debug = False
    try:
        command = _parse(list(sys.argv[1:] if arguments is None else arguments))
        debug = command.debug
        return command.run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # whatever it is: one line, and the rest with --debug
        if debug:
            raise
        ours = isinstance(error, ValueError | TypeError | OSError | RuntimeError) and str(error).strip()
        said = str(error) if ours else f"{type(error).__name__}: {error} (--debug shows where)"
        print(f"error: {' '.join(said.split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
