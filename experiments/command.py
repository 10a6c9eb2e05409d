"""The base class of all commands."""

import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import tyro


@dataclass(kw_only=True)
class Command(ABC):
    """One subcommand: its fields are its flags, its docstring is its help."""

    debug: bool = False
    """Show the full traceback of an error instead of one line."""

    command_line = ""
    """What was typed, for records; empty for a command that was made in Python."""

    @classmethod
    def parse(cls, options: Sequence[str], prog: str) -> Self:
        """Parse the options behind a command's name; ``prog`` is what stands before them, for messages."""
        command = tyro.cli(cls, args=options, prog=prog, config=(tyro.conf.FlagCreatePairsOff,))
        command.command_line = f"{prog} {shlex.join(options)}"
        return command

    @property
    def cpu_threads(self) -> int:
        """CPU threads that the command computes with: its ``--threads``, or one, right for small maps."""
        return int(getattr(self, "threads", 1))

    @abstractmethod
    def run(self) -> int:
        """Do the job; return the exit status (0 all well, 1 when some sequences failed).

        A user's mistake is raised as ``ValueError``, ``TypeError``, ``OSError`` or ``RuntimeError`` whose
        message says what was wrong, what was got, what was expected and how to fix it: the command line
        prints it as one line and exits with status 2.
        """


@dataclass(kw_only=True)
class ParallelCommand(Command):
    """A command whose jobs run side by side: in processes of this machine, or on a Ray cluster."""

    workers: int = 1
    """Number of processes, each computing with one thread; a running Ray cluster uses all it has."""

    engine: Literal["local", "ray"] = "local"
    """Processes of this machine, or a Ray cluster (requirements-cluster.txt)."""

    address: str | None = None
    """Address of a running Ray cluster, e.g. ray://head:10001; without it, Ray starts on this machine."""

    def check_workers(self) -> None:
        """Raise ``ValueError`` if the number of workers or the combination of engine and address is wrong."""
        from experiments.runtime.workers import check_workers

        check_workers(self.workers)
        if self.address is not None and self.engine != "ray":
            raise ValueError(f"--address is Ray's: give --engine ray as well, got --engine {self.engine}")


def registered(folder: str) -> str:
    """List the names that the files of a folder register, for help texts: sorted, with commas between them.

    The names are read from the text of the files: importing them takes seconds, and help must answer at once.

    Args:
        folder: folder of a package with a registry, from the repository's root, e.g. ``tracker/backbones``.
    """
    files = (Path(__file__).resolve().parents[1] / folder).glob("*.py")
    found = (re.findall(r'^@[\w.]*register\w*\("(.+)"\)$', file.read_text("utf-8"), re.M) for file in files)
    return ", ".join(sorted(name for names in found for name in names))
