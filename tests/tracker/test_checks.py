"""Range checks at their bounds: the bound itself, one step to either side, and NaN."""

import pytest

from tracker.checks import above, not_negative, odd, one_of, positive, share, whole

NAN = float("nan")


@pytest.mark.parametrize(
    ("check", "good", "bad", "message"),
    [
        (
            lambda value: above("scale_step", value, 1),
            [1.0001, 2],
            [1, 0.5, NAN],
            "scale_step must be > 1, got",
        ),
        (lambda value: positive("drift", value), [1e-9, 3], [0, -1, NAN], "drift must be > 0, got"),
        (lambda value: not_negative("gate", value), [0, 3], [-1e-9, NAN], "gate must be >= 0, got"),
        (
            lambda value: share("rate", value),
            [0, 0.5, 1],
            [-1e-9, 1.0001, NAN],
            r"rate must be in \[0, 1\], got",
        ),
        (lambda value: whole("size", value, 2), [2, 3], [1, 0], "size must be at least 2, got"),
        (lambda value: whole("size", value, 2), [2], [2.5, 3.0, "3"], "size must be a whole number, got"),
        (lambda value: odd("count", value), [1, 3], [2, 4], "count must be odd, got"),
        (lambda value: odd("count", value), [1], [0, -1], "count must be at least 1, got"),
        (lambda value: one_of("kind", value, ("a", "b")), ["a"], ["c", ""], "kind must be one of a, b, got"),
    ],
)
def test_what_is_in_range_is_returned_and_what_is_not_is_named(check, good, bad, message):
    assert [check(value) for value in good] == good
    for value in bad:
        with pytest.raises(ValueError, match=message):
            check(value)
