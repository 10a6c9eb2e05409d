"""A tracker's own number of threads holds inside its methods, and the program's outside."""

import pytest
import torch

from tracker.threads import torch_threads, with_own_threads


class Counts:
    threads = 1

    @with_own_threads
    def inside(self, fail=False):
        """Say how many there are."""
        if fail:
            raise RuntimeError
        return torch.get_num_threads()


@pytest.fixture
def two_outside():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_inside_and_outside(two_outside):
    assert Counts().inside() == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(RuntimeError):
        Counts().inside(fail=True)
    assert torch.get_num_threads() == 2
    assert Counts.inside.__doc__ == "Say how many there are."


def test_one_inside_the_other(two_outside):
    with torch_threads(1):
        with torch_threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
