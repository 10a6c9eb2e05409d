"""Boxes in text files and sequences in folders: 1-based outside, 0-based inside."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.clip import find_otb, read_bbox_files, read_bboxes, read_otb, read_otb_root, write_bboxes

NAN = [math.nan] * 4


def make_sequence(folder, boxes, frames=3, suffix=".png", first=1):
    (folder / "img").mkdir(parents=True)
    for index in range(frames):
        cv2.imwrite(str(folder / "img" / f"{first + index:04d}{suffix}"), np.full((6, 8, 3), index, np.uint8))
    for name, text in boxes.items():
        (folder / name).write_text(text)
    return folder


class TestBoxFiles:
    @pytest.mark.parametrize(
        "text",
        [
            "1,2,3,4\n10,20,30.5,40\n",
            "1\t2\t3\t4\n10\t20\t30.5\t40",
            "1 2 3 4\r\n10  20  30.5  40\r\n",
            " 1, 2,\t3 ,4 \n10,20 30.5\t40\n\n \n",
            "\ufeff1,2,3,4\n1e1,20.,30.50,+40\n",
        ],
    )
    def test_every_separator_gives_the_same_zero_based_boxes(self, text, tmp_path):
        (tmp_path / "b.txt").write_bytes(text.encode())
        np.testing.assert_array_equal(read_bboxes(tmp_path / "b.txt"), [[0, 1, 3, 4], [9, 19, 30.5, 40]])

    @pytest.mark.parametrize(
        "row", ["NaN,NaN,NaN,NaN", "nan nan nan nan", "1,2,nan,4", "", "0,0,0,0", "5,5,0,9", "5,5,9,-1"]
    )
    def test_an_absent_target_is_a_row_of_nan(self, row, tmp_path):
        (tmp_path / "b.txt").write_text(f"1,1,2,2\n{row}\n3,3,2,2\n")
        np.testing.assert_array_equal(read_bboxes(tmp_path / "b.txt"), [[0, 0, 2, 2], NAN, [2, 2, 2, 2]])

    @pytest.mark.parametrize(
        "row", ["1,2,3", "1,2,3,4,5", "1,,3,4", "1,2,3,4,", "x,y,w,h", "1;2;3;4", "1,2,inf,4", "1,2,3,4 # ok"]
    )
    def test_a_bad_row_names_file_line_and_text(self, row, tmp_path):
        (tmp_path / "b.txt").write_text(f"1,1,2,2\n{row}\n")
        with pytest.raises(ValueError, match=r"b\.txt, line 2: expected four numbers") as error:
            read_bboxes(tmp_path / "b.txt")
        assert f"'{row}'" in str(error.value)

    def test_missing_binary_and_empty_files(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="box file does not exist"):
            read_bboxes(tmp_path / "b.txt")
        (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00\x80")
        with pytest.raises(ValueError, match="not a text file"):
            read_bboxes(tmp_path / "b.txt")
        (tmp_path / "b.txt").write_bytes(b"")
        assert read_bboxes(tmp_path / "b.txt").shape == (0, 4)

    def test_written_form_is_one_based_with_three_decimals(self, tmp_path):
        write_bboxes(tmp_path / "b.txt", [[0, 1, 20, 16], NAN, [9.5, -3, 2.0005, 1 / 3]])
        assert (tmp_path / "b.txt").read_bytes() == (
            b"1.000,2.000,20.000,16.000\nnan,nan,nan,nan\n10.500,-2.000,2.001,0.333\n"
        )
        assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self, tmp_path):
        write_bboxes(tmp_path / "b.txt", [[0, 0, 1, 1]])
        for wrong in ([1, 2, 3, 4], np.zeros((2, 3))):
            with pytest.raises(ValueError, match=r"\(N, 4\)"):
                write_bboxes(tmp_path / "b.txt", wrong)
        with pytest.raises(FileNotFoundError, match="does not exist, create it"):
            write_bboxes(tmp_path / "none" / "b.txt", [[0, 0, 1, 1]])
        assert (tmp_path / "b.txt").read_text() == "1.000,1.000,1.000,1.000\n"
        assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]

    @given(
        st.lists(
            st.one_of(
                st.just(NAN),
                st.tuples(*[st.integers(-5_000_000, 5_000_000)] * 2, *[st.integers(1, 5_000_000)] * 2).map(
                    lambda thousandths: [value / 1000 for value in thousandths]
                ),
            ),
            max_size=8,
        ),
        st.sampled_from([",", "\t", " ", ", ", "  "]),
    )
    def test_writing_and_reading_any_separator_gives_the_same_boxes(self, tmp_path_factory, boxes, separator):
        path = tmp_path_factory.getbasetemp() / "round.txt"
        write_bboxes(path, np.reshape(boxes, (-1, 4)))
        path.write_text(path.read_text().replace(",", separator))
        np.testing.assert_allclose(read_bboxes(path), np.reshape(boxes, (-1, 4)), atol=1e-9)

    @given(st.text(alphabet="0123456789.,-+enaif \t\n", max_size=40))
    def test_any_text_gives_rows_of_four_or_one_clear_error(self, tmp_path_factory, text):
        path = tmp_path_factory.getbasetemp() / "any.txt"
        path.write_text(text)
        try:
            boxes, said = read_bboxes(path), None
        except ValueError as error:
            boxes, said = np.empty((0, 4)), str(error)
        assert said is None or "any.txt, line " in said
        assert said or len(boxes) == len(text.rstrip().splitlines())
        present = boxes[~np.isnan(boxes).all(axis=1)]
        assert np.isfinite(present).all()
        assert (present[:, 2:] > 0).all()

    PLAIN = st.lists(st.tuples(*[st.integers(1, 999)] * 4), min_size=1, max_size=4).map(
        lambda rows: "".join(",".join(f"{value:.3f}" for value in row) + "\n" for row in rows)
    )

    @given(
        st.lists(st.one_of(PLAIN, PLAIN, st.text(alphabet="12.,-nan \n\x0c\u2028", max_size=20)), max_size=4)
    )
    def test_files_read_together_are_as_each_read_alone(self, tmp_path_factory, texts):
        folder = tmp_path_factory.mktemp("together")
        paths = [folder / f"{index}.txt" for index in range(len(texts) + 1)]  # the last is not there
        for path, text in zip(paths, texts, strict=False):
            path.write_text(text)
        for path, found in zip(paths, read_bbox_files(paths[: len(texts)]), strict=False):
            self.check_as_alone(path, found)
        assert isinstance(read_bbox_files(paths)[-1], FileNotFoundError)

    def check_as_alone(self, path, found):
        if isinstance(found, Exception):
            with pytest.raises(type(found)) as alone:
                read_bboxes(path)
            assert str(found) == str(alone.value)
        else:
            np.testing.assert_array_equal(found, read_bboxes(path))


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
