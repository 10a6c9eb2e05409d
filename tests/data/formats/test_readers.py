"""Every format read by a program of its own community, which knows nothing of this project."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from data.formats import read_tracks, write_tracks
from data.track_result import TrackResult
from tests.material.tracks import make_tracks


def test_otb_is_what_got10ks_otb_experiment_takes(tmp_path):
    files = write_tracks(tmp_path, "otb", make_tracks())
    boxes = np.loadtxt(files[0], delimiter=",")
    assert boxes.shape == (12, 4)
    np.testing.assert_allclose(boxes[0], make_tracks()[0].bboxes[0] + (1, 1, 0, 0), atol=1e-3)


def test_got10ks_toolkit_reads_its_layout(tmp_path):
    from got10k.datasets import GOT10k

    tracks = make_tracks()
    write_tracks(tmp_path / "val", "got10k", tracks)
    for folder in (tmp_path / "val").iterdir():
        if folder.is_dir():
            for frame in range(12):
                (folder / f"{frame + 1:08d}.jpg").touch()
    dataset = GOT10k(tmp_path, subset="val", return_meta=True)
    images, boxes, meta = dataset["car"]
    assert len(images) == len(boxes) == 12
    believed = tracks[0].present
    np.testing.assert_allclose(boxes[:10][believed], tracks[0].bboxes[believed] + (1, 1, 0, 0), atol=1e-4)
    assert meta["absence"].tolist() == [*(~believed).astype(int), 1, 1]
    assert meta["cover"].tolist() == [*(8 * believed), 0, 0]
    assert meta["object_class"] == "vehicle"
    assert meta["resolution"] == "(160, 120)"


def test_trackeval_reads_mot_and_finds_it_perfect(tmp_path):
    """Written as ground truth and as results of a tracker; HOTA's and CLEAR's reader must agree with us."""
    trackeval = pytest.importorskip("trackeval")
    car = make_tracks()[0]
    shifted = TrackResult(
        "car", car.frames, car.bboxes + (0.25, 0, 0, 0), car.scores, car.lost, frame_count=12
    )
    for role, track in (("gt", car), ("tracker", shifted)):
        (file,) = write_tracks(tmp_path / role, "mot", [track])
        text = re.sub(r",-1,-1,-1$", ",1,1" if role == "gt" else ",-1,-1,-1", file.read_text(), flags=re.M)
        text = re.sub(r"(,[^,]*),1,1$", ",1,1,1", text, flags=re.M) if role == "gt" else text
        place = tmp_path / (
            "gt/MOT17-train/street/gt/gt.txt" if role == "gt" else "tr/MOT17-train/ours/data/street.txt"
        )
        place.parent.mkdir(parents=True)
        place.write_text(text)
    (tmp_path / "gt/MOT17-train/street/seqinfo.ini").write_text("[Sequence]\nname=street\nseqLength=12\n")
    maps = tmp_path / "gt/seqmaps/MOT17-train.txt"
    maps.parent.mkdir()
    maps.write_text("name\nstreet\n")
    dataset = trackeval.datasets.MotChallenge2DBox(
        {"GT_FOLDER": str(tmp_path / "gt"), "TRACKERS_FOLDER": str(tmp_path / "tr"), "BENCHMARK": "MOT17",
         "SPLIT_TO_EVAL": "train", "PRINT_CONFIG": False, "DO_PREPROC": False}
    )  # fmt: skip
    raw = dataset.get_raw_seq_data("ours", "street")
    seen = [frame for frame, boxes in enumerate(raw["tracker_dets"]) if len(boxes)]
    assert seen == car.frames[car.present].tolist()
    read = np.concatenate([boxes for boxes in raw["tracker_dets"] if len(boxes)])
    np.testing.assert_allclose(read, car.bboxes[car.present] + (1.25, 1, 0, 0), atol=1e-3)
    confidences = np.concatenate([one for one in raw["tracker_confidences"] if len(one)])
    np.testing.assert_allclose(confidences, car.scores[car.present], atol=1e-4)
    data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
    clear = trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    assert (clear["MOTA"], clear["IDSW"], clear["CLR_FN"], clear["CLR_FP"]) == (1, 0, 0, 0)


def test_pycocotools_reads_coco(tmp_path, capsys):
    coco_module = pytest.importorskip("pycocotools.coco")
    car, person = make_tracks(images=True)
    (file,) = write_tracks(tmp_path, "coco", [car, person])
    coco = coco_module.COCO(file)
    assert sorted(coco.getImgIds()) == list(range(1, 13))
    assert {one["name"] for one in coco.loadCats(coco.getCatIds())} == {"vehicle", "person"}
    of_car = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(catNms=["vehicle"])))
    kept = ~np.isnan(car.bboxes[:, 0])
    np.testing.assert_allclose([one["bbox"] for one in of_car], car.bboxes[kept], atol=1e-4)
    assert [one["file_name"] for one in coco.loadImgs([1, 2])] == ["0000.jpg", "0001.jpg"]
    whole = TrackResult("box", [0], [(10, 20, 30, 40)], frame_wh=(160, 120))
    (file,) = write_tracks(tmp_path / "mask", "coco", [whole])
    coco = coco_module.COCO(file)
    mask = coco.annToMask(coco.loadAnns(coco.getAnnIds())[0])
    rows, columns = np.nonzero(mask)  # the box covers pixels x … x+w-1, as docs/conventions.md has it
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (10, 39, 20, 59)
    assert mask.sum() == 1200


def test_pycocotools_scores_coco_results(tmp_path, capsys):
    coco_module, evaluation = (pytest.importorskip(f"pycocotools.{name}") for name in ("coco", "cocoeval"))
    (file,) = write_tracks(tmp_path, "coco", [make_tracks()[0]])
    truth = coco_module.COCO(file)
    found = truth.loadRes([one for one in truth.dataset["annotations"] if "score" in one])
    judge = evaluation.COCOeval(truth, found, "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert judge.stats[0] == pytest.approx(1)


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


def test_pandas_reads_the_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    tracks = make_tracks()
    (file,) = write_tracks(tmp_path, "csv", tracks)
    table = pandas.read_csv(file)
    car = table[table["name"] == "car"]
    np.testing.assert_allclose(car[["x", "y", "w", "h"]], tracks[0].bboxes, atol=1e-4)
    assert car["lost"].tolist() == tracks[0].lost.astype(int).tolist()
    assert not table["name"].str.startswith("=").any()
