"""The base class of all commands."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import tyro


@dataclass(kw_only=True)
class Command(ABC):
    """One subcommand: its fields are its flags, its docstring is its help."""

    debug: bool = False
    """Show the full traceback of an error instead of one line."""

    @classmethod
    def parse(cls, options: Sequence[str], prog: str) -> Self:
        """Parse a command.

        Args:
            options: the command line after the command's name.
            prog: the command line so far, for messages.
        """
        return tyro.cli(cls, args=options, prog=prog, config=(tyro.conf.FlagCreatePairsOff,))

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


def registered(folder: str) -> str:
    """List the names that the files of a folder register, for help texts: sorted, with commas between them.

    The names are read from the text of the files: importing them takes seconds, and help must answer at once.

    Args:
        folder: folder of a package with a registry, from the repository's root, e.g. ``tracker/backbones``.
    """
    files = (Path(__file__).resolve().parents[1] / folder).glob("*.py")
    found = (re.findall(r'^@[\w.]*register\w*\("(.+)"\)$', file.read_text("utf-8"), re.M) for file in files)
    return ", ".join(sorted(name for names in found for name in names))
