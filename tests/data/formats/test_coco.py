"""The file read and scored by pycocotools, which knows nothing of this project."""

import numpy as np
import pytest

from data.formats import write_tracks
from data.track_result import TrackResult
from tests.material.tracks import make_tracks


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
