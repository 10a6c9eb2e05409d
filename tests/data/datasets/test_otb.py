"""Clips in OTB's layout: 1-based outside, 0-based inside."""

import math

import cv2
import numpy as np
import pytest

from data.datasets.otb import find_otb, read_otb, read_otb_root

NAN = [math.nan] * 4


def make_sequence(folder, boxes, frames=3, suffix=".png", first=1):
    (folder / "img").mkdir(parents=True)
    for index in range(frames):
        cv2.imwrite(str(folder / "img" / f"{first + index:04d}{suffix}"), np.full((6, 8, 3), index, np.uint8))
    for name, text in boxes.items():
        (folder / name).write_text(text)
    return folder


class TestFolders:
    def test_one_target(self, tmp_path):
        folder = make_sequence(
            tmp_path / "Car9",
            {"groundtruth_rect.txt": "3,4,2,2\n4,4,2,2\nnan,nan,nan,nan", "attributes.txt": "IV, SV\nOCC"},
            suffix=".jpg",
            first=300,
        )
        (sequence,) = read_otb(folder)
        assert (sequence.name, len(sequence), sequence.unannotated) == ("Car9", 3, 0)
        assert sequence.attributes == ("IV", "SV", "OCC")
        assert sequence.paths[0].name == "0300.jpg"
        assert sequence.bboxes.dtype == np.float64
        np.testing.assert_array_equal(sequence.bboxes, [[2, 3, 2, 2], [3, 3, 2, 2], NAN])
        assert [int(frame.mean()) for frame in sequence.frames()] == [0, 1, 2]
        assert next(sequence.frames()).shape == (6, 8, 3)

    def test_several_targets_are_numbered(self, tmp_path):
        boxes = {f"groundtruth_rect.{number}.txt": f"{number},1,2,2\n" * 3 for number in (1, 2, 10)}
        sequences = read_otb(make_sequence(tmp_path / "Jogging", boxes))
        assert [sequence.name for sequence in sequences] == ["Jogging.1", "Jogging.2", "Jogging.10"]
        assert [sequence.bboxes[0, 0] for sequence in sequences] == [0, 1, 9]

    def test_a_single_numbered_file_keeps_the_plain_name(self, tmp_path):
        (sequence,) = read_otb(
            make_sequence(tmp_path / "Human4", {"groundtruth_rect.2.txt": "1,1,2,2\n" * 3})
        )
        assert sequence.name == "Human4"

    def test_frames_without_boxes_are_left_out_and_counted(self, tmp_path):
        folder = make_sequence(tmp_path / "Football1", {"groundtruth_rect.txt": "1,1,2,2\n" * 3}, frames=5)
        (sequence,) = read_otb(folder)
        assert (len(sequence), sequence.unannotated, sequence.paths[-1].name) == (3, 2, "0003.png")

    @pytest.mark.parametrize(
        ("text", "said"), [("1,1,2,2\n" * 4, "4 boxes for 3 images"), ("", "0 boxes for 3 images")]
    )
    def test_more_boxes_than_frames_or_none_is_an_error(self, tmp_path, text, said):
        with pytest.raises(ValueError, match=said):
            read_otb(make_sequence(tmp_path / "Bad", {"groundtruth_rect.txt": text}))

    def test_missing_parts(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="sequence folder does not exist"):
            read_otb(tmp_path / "none")
        (tmp_path / "Empty").mkdir()
        with pytest.raises(FileNotFoundError, match="no box file"):
            read_otb(tmp_path / "Empty")
        (tmp_path / "Empty" / "groundtruth_rect.txt").write_text("1,1,2,2")
        with pytest.raises(FileNotFoundError, match="img"):
            read_otb(tmp_path / "Empty")

    def test_a_root_lists_its_sequences(self, tmp_path):
        for name in ("Skater2", "Skater10", "Biker"):
            make_sequence(tmp_path / name, {"groundtruth_rect.txt": "1,1,2,2\n"}, frames=1)
        (tmp_path / "results").mkdir()
        (tmp_path / "README.txt").touch()
        assert [sequence.name for sequence in read_otb_root(tmp_path)] == ["Biker", "Skater2", "Skater10"]
        with pytest.raises(FileNotFoundError, match="holds no sequence"):
            find_otb(tmp_path / "results")
        with pytest.raises(FileNotFoundError, match="root does not exist"):
            read_otb_root(tmp_path / "none")


@pytest.mark.real
class TestRealSequences:
    def test_otb(self, shared):
        sequences = {sequence.name: sequence for sequence in read_otb_root(shared / "otb")}
        assert {name: len(sequence) for name, sequence in sequences.items()} == {
            **{"Car4": 659, "Crossing": 120, "David": 471, "Football1": 74, "Jumping": 313},
            **{"Jogging.1": 307, "Jogging.2": 307, "MotorRolling": 164},
        }
        np.testing.assert_array_equal(sequences["Car4"].bboxes[0], [69, 50, 107, 87])  # the file says 70,51
        assert not any(sequence.unannotated for sequence in sequences.values())

    def test_training_videos(self, shared):
        sequences = read_otb_root(shared / "train" / "videos")
        assert len(sequences) == 23
        for sequence in sequences:
            present = sequence.bboxes[~np.isnan(sequence.bboxes).any(axis=1)]
            height, width = next(sequence.frames()).shape[:2]
            centres = present[:, :2] + (present[:, 2:] - 1) / 2
            assert len(present) > 0
            assert ((centres > -10) & (centres < (width + 10, height + 10))).all()
