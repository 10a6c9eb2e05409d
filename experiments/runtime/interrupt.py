"""Ctrl-C, SIGTERM and SIGHUP: the one way in which every command is asked to end early."""

import os
import signal
import threading
from types import FrameType
from typing import Any, Self

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def end_on_signals() -> None:
    """Let a signal end the process with a line and nothing else, until an `Interrupt` takes over: during imports."""
    for number in _SIGNALS:
        if signal.getsignal(number) in _DEFAULTS:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, f"{Interrupted(number)}\n".encode())
    finally:
        os._exit(128 + number)


_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler, _end)


class Interrupted(KeyboardInterrupt):
    """The process was asked to end.

    Attributes:
        number: of the signal.
        status: exit status that a shell expects then: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number
        self.status = 128 + number


class Interrupt:
    """Lets a signal take effect only where it does no harm; a context manager.

    ``SIGINT`` (Ctrl-C), ``SIGTERM`` (``docker stop``, Slurm) and ``SIGHUP`` (a closed terminal) are noted; the loop
    inside looks at `asked`, or calls `check`, where its files are complete. A second signal takes effect at once.
    One that was noted and that nobody looked at takes effect when the context ends. A signal that is ignored
    (``nohup``) stays ignored, and a handler of somebody else stays in place. Outside the main thread nothing
    is changed, since Python delivers signals to the main thread only.

    Args:
        at_once: raise `Interrupted` as soon as a signal comes, wherever the process is.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self._number: int | None = None
        self._looked = False
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether the process was asked to end; whoever looks is taken to act on it."""
        self._looked = True
        return self._number is not None

    def check(self) -> None:
        """Raise `Interrupted` if the process was asked to end."""
        if self.asked and self._number is not None:
            raise Interrupted(self._number)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler in _DEFAULTS or isinstance(getattr(handler, "__self__", None), Interrupt):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._number is not None and kind is None and not self._looked:
            raise Interrupted(self._number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        again, self._number, self._looked = self._number is not None, number, False
        if again or self._at_once:
            raise Interrupted(number)
