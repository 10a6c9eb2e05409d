"""What every command of the command line shares."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import tyro


@dataclass(kw_only=True)
class Command(ABC):
    """One subcommand: its fields are its flags, its docstring is its help."""

    debug: bool = False
    """Show the full traceback of an error instead of one line."""

    @classmethod
    def parse(cls, options: Sequence[str], prog: str) -> Self:
        """The command of these options.

        Args:
            options: the command line after the command's name.
            prog: the command line so far, for messages.
        """
        return tyro.cli(cls, args=options, prog=prog, config=(tyro.conf.FlagCreatePairsOff,))

    @abstractmethod
    def run(self) -> int:
        """Do the job; return the exit status (0 all well, 1 when some sequences failed).

        A user's mistake is raised as ``ValueError``, ``TypeError``, ``OSError`` or ``RuntimeError`` whose
        message says what was wrong, what was got, what was expected and how to fix it: the command line
        prints it as one line and exits with status 2.
        """
