"""What the package got10k reads, to compare readers with it."""

import contextlib
import io

import numpy as np


def quietly(make, *arguments, **settings):
    """Run a loader of got10k without the lines it prints for every folder that is missing."""
    with contextlib.redirect_stdout(io.StringIO()):
        return make(*arguments, **settings)


def assert_as_got10k(ours, theirs):
    """The same sequences, frames and (1-based) boxes."""
    assert [sequence.name for sequence in ours] == list(theirs.seq_names)
    for sequence, (paths, boxes) in zip(ours, theirs, strict=True):
        assert list(map(str, sequence.paths)) == paths
        np.testing.assert_array_equal(sequence.bboxes + (1, 1, 0, 0), boxes)
