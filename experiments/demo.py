"""demo."""

from dataclasses import dataclass

from experiments.command import Command


@dataclass(kw_only=True)
class Demo(Command):
    """Track."""

    def run(self) -> int:
        """Run."""
        return 0
