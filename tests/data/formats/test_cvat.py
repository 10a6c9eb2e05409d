"""The XML against the form that CVAT documents, and CVAT's sparse key frames."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from data.formats import read_tracks, write_tracks
from tests.material.tracks import make_tracks

CVAT_FORM = {  # docs.cvat.ai, "XML annotation format", version 1.1, for a video (interpolation)
    "annotations": ({}, ["version", "meta", "track"]),
    "meta": ({}, ["task"]),
    "task": ({}, ["name", "size", "mode", "overlap", "bugtracker", "flipped", "start_frame", "stop_frame",
                  "frame_filter", "labels", "original_size"]),
    "labels": ({}, ["label"]),
    "label": ({}, ["name", "attributes"]),
    "attributes": ({}, ["attribute"]),
    "original_size": ({}, ["width", "height"]),
    "track": ({"id": r"\d+", "label": ".+", "source": "auto|manual|semi-auto|file"}, ["box"]),
    "box": ({"frame": r"\d+", "outside": "[01]", "occluded": "[01]", "keyframe": "[01]", "z_order": r"-?\d+",
             **dict.fromkeys(("xtl", "ytl", "xbr", "ybr"), r"-?\d+(\.\d+)?")}, ["attribute"]),
}  # fmt: skip
CVAT_ATTRIBUTE = ["name", "mutable", "input_type", "default_value", "values"]


def check_form(element):
    attributes, children = CVAT_FORM.get(element.tag, ({}, []))
    if element.tag == "attribute" and not element.attrib:
        children = CVAT_ATTRIBUTE
    if element.tag == "attribute" and element.attrib:
        attributes = {"name": ".+"}
    assert set(element.attrib) == set(attributes), element.tag
    for name, pattern in attributes.items():
        assert re.fullmatch(pattern, element.attrib[name]), (element.tag, name, element.attrib[name])
    order = [children.index(child.tag) for child in element]  # a tag that is not documented raises here
    assert order == sorted(order)
    assert set(children) == {child.tag for child in element}
    for child in element:
        check_form(child)


def test_cvats_xml_has_the_documented_form(tmp_path):
    tracks = make_tracks()
    (file,) = write_tracks(tmp_path, "cvat", tracks)
    root = ET.parse(file).getroot()
    check_form(root)
    first, second = root.findall("track")
    outside = {int(box.get("frame")): box.get("outside") for box in first}
    assert outside == {**dict.fromkeys(range(10), "0"), **dict.fromkeys((4, 6, 7, 10), "1")}
    assert [int(box.get("frame")) for box in second] == [3, 4, 5, 6, 7, 8]  # 5 has no row
    assert [box.get("outside") for box in second] == ["0", "0", "1", "0", "0", "1"]
    corners = [
        [float(box.get(name)) for name in ("xtl", "ytl", "xbr", "ybr")]
        for box in first
        if box.get("frame") == "0"
    ]
    x, y, w, h = tracks[0].bboxes[0]
    np.testing.assert_allclose(corners, [(x, y, x + w, y + h)], atol=1e-3)


def test_cvat_is_read_with_sparse_key_frames(tmp_path):
    boxes = [(0, "0", (10, 20, 30, 40)), (4, "0", (18, 20, 38, 40)), (7, "1", (99, 99, 100, 100))]
    xml = "".join(
        f'<box frame="{f}" keyframe="1" outside="{o}" xtl="{a}" ytl="{b}" xbr="{c}" ybr="{d}"/>'
        for f, o, (a, b, c, d) in boxes
    )
    file = tmp_path / "annotations.xml"
    file.write_text(f'<annotations><track id="0" label="car">{xml}</track></annotations>')
    (track,) = read_tracks(file, "cvat")
    assert track.frames.tolist() == list(range(8))
    assert track.bboxes[:, 0].tolist() == [10, 12, 14, 16, 18, 18, 18, 99]
    assert track.lost.tolist() == [False] * 7 + [True]
