"""ImageNet-VID's annotations."""

import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from tests.material.trees import write_images

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
