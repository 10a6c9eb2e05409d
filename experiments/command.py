"""What every command of the command line shares."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(kw_only=True)
class Command(ABC):
    """One subcommand: its fields are its flags, its docstring is its help."""

    debug: bool = False
    """Show the full traceback of an error instead of one line."""

    @abstractmethod
    def run(self) -> int:
        """Do the job; return the exit status (0 all well, 1 when some sequences failed).

        A user's mistake is raised as ``ValueError``, ``TypeError``, ``OSError`` or ``RuntimeError`` whose
        message says what was wrong, what was got, what was expected and how to fix it: the command line
        prints it as one line and exits with status 2.
        """
