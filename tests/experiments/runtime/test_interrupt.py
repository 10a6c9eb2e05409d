"""Signals end a command where its files are complete, or at once the second time, with the status a shell expects."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from experiments.runtime.interrupt import Interrupt, Interrupted

ROOT = Path(__file__).resolve().parents[3]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def default_handlers():
    """A suite started in the background inherits an ignored SIGINT."""
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: 0}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers, at_once=False):
    """Send signals inside of a context, and say after which of them it was left."""
    sent = []
    try:
        with Interrupt(at_once=at_once):
            for number in numbers:
                sent.append(number)
                signal.raise_signal(number)
            sent.append("the end")
    except Interrupted as error:
        return sent, error
    return sent, None


@pytest.mark.parametrize(("number", "status"), SIGNALS.items())
def test_a_signal_takes_effect_at_the_check(number, status):
    done = []

    def work():
        with Interrupt() as interrupt:
            for step in range(5):
                if step == 2:
                    signal.raise_signal(number)
                done.append(step)
                interrupt.check()

    with pytest.raises(Interrupted, match=signal.Signals(number).name) as caught:
        work()
    assert done == [0, 1, 2]
    assert caught.value.status == status


def test_a_second_signal_takes_effect_at_once():
    sent, error = send(signal.SIGINT, signal.SIGTERM)
    assert sent == [signal.SIGINT, signal.SIGTERM]
    assert error.number == signal.SIGTERM


def test_at_once_needs_no_check():
    sent, error = send(signal.SIGHUP, at_once=True)
    assert sent == [signal.SIGHUP]
    assert error.number == signal.SIGHUP


def test_a_signal_that_nobody_looked_at_takes_effect_at_the_end():
    sent, error = send(signal.SIGTERM)
    assert sent == [signal.SIGTERM, "the end"]
    assert error.number == signal.SIGTERM
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.asked  # and acts on it, as training does by a last checkpoint


def test_the_inner_of_two_waits_for_its_check():
    with Interrupt(at_once=True):
        sent, _ = send(signal.SIGTERM)
    assert sent == [signal.SIGTERM, "the end"]


def test_handlers_come_back_and_those_of_others_stay():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, theirs := lambda *_: None)
    with Interrupt():
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is theirs
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_changes_nothing():
    failed = []

    def work():
        try:
            with Interrupt() as interrupt:
                interrupt.check()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failed


@pytest.mark.parametrize(("number", "status"), SIGNALS.items())
def test_a_command_ends_in_one_line_and_the_status_of_the_signal(number, status):
    code = (
        "import signal, sys\nfrom experiments import __main__ as program\n"
        "class Endless:\n    debug = False\n    cpu_threads = 1\n    def run(self):\n"
        f"        signal.raise_signal({int(number)})\n        return 0\n"
        "program._parse = lambda arguments: Endless()\nsys.exit(program.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.returncode == status
    assert done.stderr == f"interrupted by {signal.Signals(number).name}\n"
