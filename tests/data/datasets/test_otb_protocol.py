"""OTB's official targets, frames and names."""

import json

import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from data.datasets.otb_protocol import canonical_name, otb_targets
from tests.material.got10k import assert_as_got10k, quietly
from tests.material.trees import box_lines, make_otb


def by_name(dataset):
    return {sequence.name: sequence for sequence in dataset}


class TestOtbNames:
    @pytest.mark.parametrize(
        ("spelled", "name"),
        [
            *((spelled, "Jogging.1") for spelled in ("jogging_1", "Jogging-1", "Jogging.1", "JOGGING 1")),
            *((spelled, "Human4") for spelled in ("human4_2", "Human4-2", "Human4.2", "human4", "Human4")),
            *((spelled, "Basketball") for spelled in ("basketball", "BasketBall")),
            ("skating2_2", "Skating2.2"),
            ("GOT-10k_Val_000001", "GOT-10k_Val_000001"),
            ("airplane-1", "airplane-1"),
        ],
    )
    def test_spellings(self, spelled, name):
        assert canonical_name(spelled) == name

    @pytest.mark.parametrize(("version", "count"), [("2013", 51), ("50", 50), ("2015", 100)])
    def test_lists_hold_the_targets_of_got10k(self, version, count):
        from got10k.datasets import OTB

        ours = [target for target in otb_targets().values() if version in target.lists]
        theirs = OTB._OTB__version_dict[{"50": "tb50"}.get(version) or int(version)]
        assert len(ours) == count
        assert {target.folder for target in ours} == set(theirs)

    @pytest.mark.real
    def test_frames_are_those_of_the_published_ground_truth(self, shared):
        truth = json.loads((shared / "results/OTB2015/ground_truth.json").read_text())
        assert {canonical_name(name) for name in truth} == otb_targets().keys()
        for name, entry in truth.items():
            target = otb_targets()[canonical_name(name)]
            assert len(entry["gt_rect"]) == target.last_frame - target.first_frame + 1


class TestOtbProtocol:
    def test_david_is_cut_to_its_frames_wherever_its_folder_starts(self, tmp_path):
        for place, first in (("whole", 1), ("cut", 300)):
            make_otb(tmp_path / place, "David", numbers=range(first, 771), boxes=box_lines(471))
            (sequence,) = load_dataset("otb2013", tmp_path / place)
            assert (len(sequence), sequence.paths[0].stem, sequence.paths[-1].stem) == (471, "0300", "0770")
            np.testing.assert_array_equal(sequence.bboxes[0], [10, 8, 20, 16])

    def test_david_renumbered_from_one_keeps_all_its_frames(self, tmp_path):
        make_otb(tmp_path, "David", frames=471)
        assert len(load_dataset("otb2013", tmp_path)[0]) == 471

    @pytest.mark.parametrize(("name", "frames"), [("Football1", 74), ("Freeman3", 460), ("Diving", 215)])
    def test_frames_after_the_last_are_left_out(self, tmp_path, name, frames):
        make_otb(tmp_path, name, frames=frames, numbers=range(1, frames + 20))
        (sequence,) = load_dataset("otb2015", tmp_path)
        assert (len(sequence), sequence.paths[-1].stem, sequence.unannotated) == (frames, f"{frames:04d}", 0)

    @pytest.mark.parametrize(("rows", "first_x"), [(354, 10), (349, 10)])
    def test_tiger1_starts_at_frame_6(self, tmp_path, rows, first_x):
        boxes = box_lines(rows)  # x comes back every five frames
        make_otb(tmp_path, "Tiger1", numbers=range(1, 355), boxes=boxes)
        (sequence,) = load_dataset("otb2015", tmp_path)
        assert (len(sequence), sequence.paths[0].stem) == (349, "0006")
        assert sequence.bboxes[0, 0] == first_x

    def test_targets_of_one_folder_or_of_their_own(self, tmp_path):
        folder = make_otb(tmp_path, "Jogging", box_file="groundtruth_rect.1.txt")
        (folder / "groundtruth_rect.2.txt").write_text(box_lines(6, "\t", x=31))
        make_otb(tmp_path, "Skating2-2", boxes=box_lines(6, x=21))
        human4 = make_otb(tmp_path, "Human4", box_file="groundtruth_rect.2.txt")
        (human4 / "groundtruth_rect.1.txt").write_text("")
        found = by_name(load_dataset("otb100", tmp_path))
        starts = {name: sequence.bboxes[0, 0] for name, sequence in found.items()}
        assert starts == {"Human4": 10, "Jogging.1": 10, "Jogging.2": 30, "Skating2.2": 20}

    def test_png_frames_and_attributes(self, tmp_path):
        make_otb(tmp_path, "KiteSurf", pattern="{:04d}.png")
        (sequence,) = load_dataset("otb2015", tmp_path)
        assert sequence.paths[0].suffix == ".png"
        assert sequence.attributes == ("IPR", "IV", "OCC", "OPR")

    def test_what_is_missing_is_listed_and_what_is_broken_says_why(self, tmp_path):
        make_otb(tmp_path, "Car4")
        make_otb(tmp_path, "Doll", boxes=box_lines(7))
        make_otb(tmp_path, "Girl", boxes="1,2,three,4\n")
        dataset = load_dataset("otb2015", tmp_path)
        assert [sequence.name for sequence in dataset] == ["Car4"]
        assert len(dataset.missing) == 97
        assert "97 of the 100 official targets are not there: Basketball, Biker" in dataset.lack
        assert "7 boxes for 6 images" in dataset.broken["Doll"]
        assert "line 1: expected four numbers" in dataset.broken["Girl"]

    def test_as_got10k_reads_it(self, tmp_path):
        from got10k.datasets import OTB

        for name in ("Board", "Car4"):
            make_otb(tmp_path, name, pattern="{:05d}.jpg")
        folder = make_otb(tmp_path, "Jogging", box_file="groundtruth_rect.1.txt")
        (folder / "groundtruth_rect.2.txt").write_text(box_lines(6, "\t"))
        theirs = quietly(OTB, str(tmp_path), 2015, download=False)
        assert_as_got10k(load_dataset("otb2015", tmp_path), theirs)


@pytest.mark.real
def test_real_otb(shared):
    dataset = load_dataset("otb100", shared / "otb")
    assert {sequence.name: len(sequence) for sequence in dataset} == {
        **{"Car4": 659, "Crossing": 120, "David": 471, "Football1": 74, "Jumping": 313},
        **{"Jogging.1": 307, "Jogging.2": 307, "MotorRolling": 164},
    }
    assert len(dataset.missing) == 92
