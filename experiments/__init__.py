"""The command line: ``python -m experiments --help``, run from the checkout."""

import importlib.util
from pathlib import Path

__version__ = "0.1.0.dev0"
"""Version of the whole project, the newest entry of CHANGELOG.md and CITATION.cff."""

_CHECKOUT = Path(__file__).resolve().parents[1]


def _refuse_foreign_packages() -> None:
    """Raise ``ImportError`` if another `data`, `losses` or `tracker` shadows the checkout's own."""
    for name in ("data", "losses", "tracker"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or _CHECKOUT not in origin.parents:
            raise ImportError(
                f"package '{name}' must be the checkout's own, got {origin}, expected {_CHECKOUT / name}: "
                f"run from {_CHECKOUT}, e.g. `cd {_CHECKOUT} && python -m experiments --help`"
            )


_refuse_foreign_packages()
