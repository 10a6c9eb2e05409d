"""The text read and scored by TrackEval, which knows nothing of this project."""

import re

import numpy as np
import pytest

from data.formats import write_tracks
from data.track_result import TrackResult
from tests.material.tracks import make_tracks


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
