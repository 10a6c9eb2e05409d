"""``python -m experiments COMMAND …``: one folder beside this file for each command.

Only the argument schemas are imported here. A command imports torch, OpenCV and the rest when it runs, so that
``--help`` answers at once.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO

from experiments.runtime.interrupt import Interrupt, Interrupted, end_on_signals

if __name__ == "__main__":
    end_on_signals()  # the imports below take half a second

import tyro

from data.files import printable
from experiments import __version__
from experiments.benchmark.command import Benchmark
from experiments.check.command import Check
from experiments.command import Command
from experiments.compare.command import Compare
from experiments.config_file import expand
from experiments.demo.command import Demo
from experiments.export.command import Export
from experiments.losses.command import Losses
from experiments.prepare.command import Prepare
from experiments.report.command import Report
from experiments.runtime.threads import limit_threads
from experiments.serve.command import Serve
from experiments.track.command import Track
from experiments.train.command import Train
from experiments.vot.command import Vot

COMMANDS: dict[str, type[Command]] = {
    "benchmark": Benchmark,
    "check": Check,
    "compare": Compare,
    "demo": Demo,
    "export": Export,
    "losses": Losses,
    "prepare": Prepare,
    "report": Report,
    "serve": Serve,
    "track": Track,
    "train": Train,
    "vot": Vot,
}

PROG = "python -m experiments"


def _parse(arguments: list[str]) -> Command:
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]].parse(arguments[1:], f"{PROG} {arguments[0]}")
    # Help with the list of commands, or an error that names the nearest one.
    command: Command = tyro.extras.subcommand_cli_from_dict(
        {**COMMANDS},
        args=arguments,
        prog=PROG,
        description="Train, track and benchmark deep regression trackers. --version says which version this is.",
    )
    return command


@contextmanager
def _printable_errors(arguments: list[str]) -> Iterator[None]:
    """Escape what would command the terminal in what the parser says of such arguments."""
    if "".join(arguments).isprintable():
        yield
        return
    said = StringIO()
    try:
        with redirect_stderr(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            print(printable(line), file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse ``arguments`` (default: the process's), run the command, return its exit status."""
    debug = False
    given = [expand(one) for one in (sys.argv[1:] if arguments is None else arguments)]
    if given == ["--version"]:
        print(__version__)
        return 0
    try:
        with Interrupt(at_once=True):
            with _printable_errors(given):
                command = _parse(given)
            debug = command.debug
            limit_threads(command.cpu_threads)
            status = command.run()
            sys.stdout.flush()
            return status
    except BrokenPipeError:  # whoever read what is printed has seen enough, as in `check … | head`
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # nor may the flush at the end complain
        return 141
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or "interrupted", file=sys.stderr)
        return interrupt.status if isinstance(interrupt, Interrupted) else 130
    except Exception as error:  # whatever it is: one line, and the rest with --debug
        if debug:
            raise
        ours = isinstance(error, ValueError | TypeError | OSError | RuntimeError) and str(error).strip()
        said = str(error) if ours else f"{type(error).__name__}: {error} (--debug shows where)"
        print(f"error: {printable(' '.join(said.split()))}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
