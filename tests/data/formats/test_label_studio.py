"""The tasks expanded by Label Studio's own tools."""

import json

import numpy as np
import pytest

from data.formats import write_tracks
from tests.material.tracks import make_tracks


def test_label_studios_own_reader_expands_the_video(tmp_path):
    video = pytest.importorskip("label_studio_tools.postprocessing.video")
    from label_studio_tools.core.label_config import parse_config

    tracks = make_tracks()
    tasks, config = write_tracks(tmp_path, "label-studio", tracks)
    (task,) = json.loads(tasks.read_text())
    assert task["data"] == {"video": "street.mp4"}
    regions = video.extract_key_frames(task["predictions"][0]["result"])
    for one, region in zip(tracks, regions, strict=True):
        frames = region["value"]["sequence"]
        assert [key["frame"] - 1 for key in frames] == one.frames[one.present].tolist()
        percent = [[key[side] for side in ("x", "y", "width", "height")] for key in frames]
        np.testing.assert_allclose(np.array(percent) * (1.6, 1.2, 1.6, 1.2), one.bboxes[one.present])
    parsed = parse_config(config.read_text())
    assert parsed["box"]["type"] == "VideoRectangle"
    assert parsed["box"]["to_name"] == ["video"]
    region = task["predictions"][0]["result"][0]
    assert region["from_name"] in parsed
    assert set(parsed["labels"]["labels"]) == {"vehicle", "person"}


def test_label_studio_has_a_task_an_image(tmp_path):
    label_config = pytest.importorskip("label_studio_tools.core.label_config")
    tasks, config = write_tracks(tmp_path, "label-studio", make_tracks(images=True))
    content = json.loads(tasks.read_text())
    assert [task["data"]["image"] for task in content] == [f"{frame:04d}.jpg" for frame in range(10)]
    assert [len(task["predictions"][0]["result"]) for task in content] == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert label_config.parse_config(config.read_text())["box"]["type"] == "RectangleLabels"
