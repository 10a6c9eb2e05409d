import builtins

import numpy as np
import pytest

from data.track_result import TrackResult

NAN = [np.nan] * 4


def test_lists_become_arrays_and_what_is_left_out_is_filled():
    one = TrackResult("car", [0, 2], [(1, 2, 3, 4), NAN])
    assert one.frames.dtype == np.int64
    assert one.bboxes.dtype == np.float64
    assert np.isnan(one.scores).all()
    assert not one.lost.any()
    assert one.frame_count == 3
    assert one.present.tolist() == [True, False]
    np.testing.assert_array_equal(one.dense(), [(1, 2, 3, 4), NAN, NAN])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"bboxes": [(1, 2, 3, 4)]}, "bboxes of car must have a row for each of 2 frames, got 1"),
        ({"scores": [1.0]}, "scores of car"),
        ({"image_names": ["a.jpg"]}, "image_names of car"),
        ({"frames": [3, 3]}, "frames of car must increase"),
        ({"frames": [-1, 3]}, "frames of car must increase"),
        ({"bboxes": [(1, 2, 3, 4), (1, 2, 0, 4)]}, "got .1.0, 2.0, 0.0, 4.0. in frame 1"),
        ({"bboxes": [(1, 2, 3, 4), (1, np.nan, 3, 4)]}, "in frame 1"),
    ],
)
def test_what_is_no_track_is_refused(columns, message):
    good = {"name": "car", "frames": [0, 1], "bboxes": [(1, 2, 3, 4)] * 2}
    with pytest.raises(ValueError, match=message):
        TrackResult(**(good | columns))


def test_a_dataframe_has_a_row_a_frame():
    pytest.importorskip("pandas")
    one = TrackResult("car", [4, 5], [(1, 2, 3, 4), NAN], [0.5, np.nan], [False, True])
    frame = one.to_dataframe()
    assert list(frame) == ["name", "frame", "x", "y", "w", "h", "score", "lost"]
    assert frame["frame"].tolist() == [4, 5]
    assert frame["w"].sum() == 3  # pandas leaves NaN out
    assert frame.loc[1, "lost"]
    named = TrackResult("car", [0], [(1, 2, 3, 4)], image_names=["a.jpg"]).to_dataframe()
    assert named["image"].tolist() == ["a.jpg"]


def test_without_pandas_it_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "pandas":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RuntimeError, match="pip install pandas"):
        TrackResult("car", [0], [(1, 2, 3, 4)]).to_dataframe()
