"""The time left, and a bar that counts by its own updates."""

from experiments.runtime.progress import progress_bar, time_left


def test_a_time_is_said_in_hours_minutes_and_seconds():
    assert [time_left(seconds) for seconds in (0.4, 61, 3599.6, 100 * 3600)] == [
        "left 0:00:00",
        "left 0:01:01",
        "left 1:00:00",
        "left 100:00:00",
    ]


def test_a_bar_around_steps_gives_them_all(capsys):
    assert list(progress_bar(iter("abc"), total=3, unit="letter")) == ["a", "b", "c"]
    with progress_bar(total=0, unit="frame") as bar:
        bar.update(1)
    assert capsys.readouterr().err.count("frame") == 0  # nothing to do is no bar
