"""The tracker that never moves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data import read_bboxes, write_bboxes
from data.boxes import from_one_based, to_one_based
from tracker import load_tracker


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(0, 200)] * 2, *[st.integers(2, 40)] * 2))
def test_a_box_goes_from_file_through_the_tracker_to_file(tmp_path_factory, box):
    path = tmp_path_factory.mktemp("boxes") / "groundtruth_rect.txt"
    path.write_text(",".join(str(value) for value in to_one_based(box).astype(int)) + "\n")
    frame = np.zeros((260, 260, 3), dtype=np.uint8)
    tracker = load_tracker("identity")
    tracker.init(frame, read_bboxes(path)[0])
    write_bboxes(path.with_name("result.txt"), [tracker.update(frame).bbox])
    written = [float(value) for value in path.with_name("result.txt").read_text().split(",")]
    assert written == to_one_based(box).tolist()
    assert from_one_based(written).tolist() == list(box)
