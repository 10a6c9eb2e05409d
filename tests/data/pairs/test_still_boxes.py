"""Readers of training sets that no benchmark has: COCO's annotations and ImageNet-VID's."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from data.datasets.by_name import load_dataset
from data.image_headers import image_size
from data.pairs.coco import read_coco
from data.pairs.crops import render
from data.pairs.dataset import PairDataset
from data.pairs.jitter_geometry import GeometricJitter
from tests.material.clips import bright_box
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


FRAME = "<annotation><folder>x</folder><size><width>64</width></size>{}</annotation>"
OBJECT = (
    "<object><trackid>{}</trackid><name>n02691156</name><bndbox><xmax>{}</xmax><xmin>{}</xmin>"
    "<ymax>{}</ymax><ymin>{}</ymin></bndbox><occluded>0</occluded><generated>0</generated></object>"
)


def make_vid(root, frames):
    place = "VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00010001"
    write_images(root / "Data" / place, range(len(frames)), "{:06d}.JPEG")
    folder = root / "Annotations" / place
    folder.mkdir(parents=True)
    for number, objects in enumerate(frames):
        (folder / f"{number:06d}.xml").write_text(FRAME.format("".join(OBJECT.format(*o) for o in objects)))
    return folder


class TestImageNetVid:
    def test_every_object_is_a_sequence(self, tmp_path):
        make_vid(tmp_path, [[(0, 29, 10, 25, 6)], [(0, 30, 11, 25, 6), (1, 5, 2, 9, 4)], [(1, 6, 3, 9, 4)]])
        dataset = load_dataset("imagenet-vid", tmp_path)
        assert [s.name for s in dataset] == ["ILSVRC2015_train_00010001.0", "ILSVRC2015_train_00010001.1"]
        first, second = dataset
        # corners are 0-based pixels that both belong to the box
        assert first.bboxes[:2].tolist() == [[10, 6, 20, 20], [11, 6, 20, 20]]
        assert np.isnan(first.bboxes[2]).all()
        assert second.bboxes[1:].tolist() == [[2, 4, 4, 6], [3, 4, 4, 6]]
        assert [path.name for path in second.paths] == ["000000.JPEG", "000001.JPEG", "000002.JPEG"]

    def test_mistakes_are_said(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="ImageNet-VID's train must be in"):
            load_dataset("imagenet-vid", tmp_path)
        folder = make_vid(tmp_path, [[(0, 29, 10, 25, 6)]] * 2)
        (folder / "000001.xml").write_text("<annotation>")
        assert "is no annotation of ImageNet-VID" in next(
            iter(load_dataset("imagenet-vid", tmp_path).broken.values())
        )
        (folder / "000001.xml").unlink()
        assert "000001.xml" in next(iter(load_dataset("imagenet-vid", tmp_path).broken.values()))
        (folder / "000000.xml").write_text(FRAME.format(""))
        (folder / "000001.xml").write_text(FRAME.format(""))
        assert "holds no object" in next(iter(load_dataset("imagenet-vid", tmp_path).broken.values()))


class TestTurnedPictures:
    """A bright target on black, its picture stored upright or turned by EXIF, its box drawn on either."""

    STORED_WH = (120, 80)

    def source(self, root, orientation, size_wh, box):
        root.mkdir()
        stored = np.zeros((80, 120, 3), np.uint8)
        stored[10:30, 20:50] = 255  # box 20, 10, 30, 20 in stored pixels
        exif = PILImage.Exif()
        exif[274] = orientation
        PILImage.fromarray(stored).save(root / "x.jpg", exif=exif, quality=95)
        image = {"id": 1, "file_name": "x.jpg", "width": size_wh[0], "height": size_wh[1]}
        (root / "boxes.json").write_text(
            json.dumps({"images": [image], "annotations": [{"image_id": 1, "bbox": list(box), "id": 1}]})
        )
        return read_coco(root / "boxes.json", background=0.0, jitter=GeometricJitter(0, 0, 0, 0))

    @pytest.mark.parametrize(
        ("orientation", "size_wh", "box"),
        [
            (1, STORED_WH, (20, 10, 30, 20)),
            (6, STORED_WH, (20, 10, 30, 20)),  # drawn on the stored pixels
            (8, STORED_WH, (20, 10, 30, 20)),
            (6, STORED_WH[::-1], (80 - 30, 20, 20, 30)),  # on those turned clockwise
            (8, STORED_WH[::-1], (10, 120 - 50, 20, 30)),  # and counterclockwise
        ],
    )
    def test_the_crop_shows_the_target_where_its_box_is(self, tmp_path, orientation, size_wh, box):
        pair = PairDataset([(self.source(tmp_path / "x", orientation, size_wh, box), 1.0)], 4, crop_size=64)[
            0
        ]
        assert not pair.skipped
        assert bright_box(pair.template) == pytest.approx(pair.template_bbox, abs=1)

    @pytest.mark.parametrize(
        ("orientation", "size_wh", "said"),
        [
            (3, STORED_WH, "is turned by its EXIF .* does not tell"),
            (1, STORED_WH[::-1], "is 120x80 pixels, its annotations are for 80x120"),
            (6, (240, 160), "is 80x120 pixels, its annotations are for 240x160"),
        ],
    )
    def test_what_cannot_be_told_is_left_out_and_said(self, tmp_path, orientation, size_wh, said):
        source = self.source(tmp_path / "x", orientation, size_wh, (20, 10, 30, 20))
        data = (tmp_path / "x" / "x.jpg").read_bytes()
        with pytest.raises(ValueError, match=rf"x\.jpg {said}"):
            render(source.draw(np.random.default_rng(0)), AllTheSame(data), np.random.default_rng(0), 64, 4.0)


class AllTheSame(dict):
    """The same content for every image."""

    def __init__(self, content):
        self.content = content

    def __getitem__(self, _):
        return self.content


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
