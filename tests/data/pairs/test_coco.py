"""Boxes of still images from COCO's annotation files."""

import json
from pathlib import Path

import pytest

from data.image_headers import image_size
from data.pairs.coco import read_coco
from data.pairs.dataset import PairDataset
from tests.material.trees import write_images


def make_coco(root, boxes=((5, 6, 20, 15), (30, 20, 12, 18)), **changes):
    write_images(root / "train2017", [7])
    content = {
        "images": [{"id": 3, "file_name": "0007.jpg", "width": 64, "height": 48}],
        "annotations": [
            {"image_id": 3, "bbox": list(box), "iscrowd": 0, "id": n} for n, box in enumerate(boxes)
        ],
        **changes,
    }
    file = root / "annotations" / "instances_train2017.json"
    file.parent.mkdir()
    file.write_text(json.dumps(content))
    return file


class TestCoco:
    def test_boxes_and_images_are_found(self, tmp_path):
        source = read_coco(make_coco(tmp_path))
        assert source.folder == str(tmp_path / "train2017")
        assert source.bboxes.tolist() == [[5, 6, 20, 15], [30, 20, 12, 18]]
        pair = PairDataset([(source, 1.0)], 4, crop_size=32)[0]
        assert pair.source == "0007.jpg -> 0007.jpg"

    def test_crowds_specks_and_whole_images_are_left_out(self, tmp_path):
        file = make_coco(tmp_path, [(5, 6, 20, 15), (1, 1, 5, 20), (0, 0, 64, 20), (0, 0, 20, 46)])
        content = json.loads(file.read_text())
        content["annotations"].append({"image_id": 3, "bbox": [1, 2, 30, 30], "iscrowd": 1, "id": 9})
        file.write_text(json.dumps(content))
        assert read_coco(file).bboxes.tolist() == [[5, 6, 20, 15]]

    def test_mistakes_are_said(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="annotation file does not exist"):
            read_coco(tmp_path / "none.json")
        (tmp_path / "list.json").write_text("[]")
        with pytest.raises(ValueError, match="no COCO-style annotation file"):
            read_coco(tmp_path / "list.json")
        file = make_coco(tmp_path, [(1, 1, 2, 2)])
        with pytest.raises(ValueError, match="holds no box that could be used, of 1"):
            read_coco(file)
        file.write_text(file.read_text().replace("[1, 1, 2, 2]", "[1, 1, 20, 20]"))
        (tmp_path / "train2017").rename(tmp_path / "elsewhere")
        with pytest.raises(FileNotFoundError, match="were not found"):
            read_coco(file)


@pytest.mark.parametrize(
    "change",
    [
        {"images": [[]]},
        {"images": [{"id": [1]}]},
        {"annotations": [7]},
        {"annotations": [{"image_id": 3, "bbox": [0, 0, 10**400, 20]}]},
        {"annotations": [{"image_id": 3, "bbox": "wide"}]},
        {"images": [{"id": 3, "file_name": 7, "width": 64, "height": 48}]},
        {"images": [{"id": 3, "file_name": "0007.jpg", "width": "64", "height": 48}]},
        {"images": 7},
    ],
)
def test_entries_of_a_wrong_type_are_one_message(tmp_path, change):
    with pytest.raises(ValueError, match="is no COCO-style annotation file"):
        read_coco(make_coco(tmp_path, **change))


@pytest.mark.parametrize("text", ["", "[" * 100000, "{", "\ufeff", "7"])
def test_json_that_is_none(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="is no COCO-style annotation file"):
        read_coco(tmp_path / "x.json")


@pytest.mark.real
def test_real_annotations_are_for_images_of_their_size(shared):
    source = read_coco(shared / "train" / "more" / "stills" / "instances.json")
    for file, size in list(zip(source.files, source.sizes_wh, strict=True))[::40]:
        assert image_size((Path(source.folder) / file.decode()).read_bytes()) == tuple(size)
