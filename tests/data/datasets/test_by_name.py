"""Datasets by name: official frames and names, every layout, what is missing, what is broken."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from data.datasets.base import DATASETS
from data.datasets.by_name import load_dataset
from data.datasets.otb_protocol import canonical_name, otb_targets
from tests.material.trees import SIZE_WH, box_lines, make_got10k, make_otb, write_images

NAN = [np.nan] * 4


def by_name(dataset):
    return {sequence.name: sequence for sequence in dataset}


def quietly(make, *arguments, **settings):
    """Run a loader of got10k without the lines it prints for every folder that is missing."""
    with contextlib.redirect_stdout(io.StringIO()):
        return make(*arguments, **settings)


def assert_as_got10k(ours, theirs):
    """The same sequences, frames and (1-based) boxes."""
    assert [sequence.name for sequence in ours] == list(theirs.seq_names)
    for sequence, (paths, boxes) in zip(ours, theirs, strict=True):
        assert list(map(str, sequence.paths)) == paths
        np.testing.assert_array_equal(sequence.bboxes + (1, 1, 0, 0), boxes)


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


class TestGot10k:
    def test_as_got10k_reads_it(self, tmp_path):
        from got10k.datasets import GOT10k

        make_got10k(tmp_path, "val")
        ours = load_dataset("got10k", tmp_path)
        assert_as_got10k(ours, quietly(GOT10k, str(tmp_path), "val"))
        assert ours[0].frame_wh == SIZE_WH

    def test_the_test_subset_knows_only_the_first_box(self, tmp_path):
        make_got10k(tmp_path, "test")
        sequence = load_dataset("got10k", tmp_path, "test")[0]
        np.testing.assert_array_equal(sequence.bboxes, [[10, 8, 20, 16], NAN, NAN, NAN])

    def test_frames_without_any_cover_have_no_box(self, tmp_path):
        names = make_got10k(tmp_path, "train")
        (tmp_path / "train" / names[1] / "cover.label").write_text("8\n0\n3\n0\n")
        sequence = load_dataset("got10k", tmp_path, "train")[1]
        np.testing.assert_array_equal(np.isnan(sequence.bboxes).all(axis=1), [False, True, False, True])

    def test_a_partial_list_and_a_wrong_root(self, tmp_path):
        make_got10k(tmp_path, "val")
        (tmp_path / "val" / "list.txt").write_text("GOT-10k_Val_000002\nGOT-10k_Val_000009\n")
        dataset = load_dataset("got10k", tmp_path)
        assert (len(dataset), dataset.missing) == (1, ("GOT-10k_Val_000009",))
        with pytest.raises(FileNotFoundError, match="GOT-10k's val must be in"):
            load_dataset("got10k", tmp_path / "val")


class TestOtherLayouts:
    def test_lasot(self, tmp_path):
        folder = tmp_path / "airplane" / "airplane-1"
        write_images(folder / "img", range(1, 5), "{:08d}.jpg")
        (folder / "groundtruth.txt").write_text(box_lines(4))
        (folder / "full_occlusion.txt").write_text("0,1,0,0")
        (folder / "out_of_view.txt").write_text("0,0,0,1")
        dataset = load_dataset("lasot", tmp_path)
        assert (dataset[0].name, len(dataset.missing), dataset.official_count) == ("airplane-1", 279, 280)
        np.testing.assert_array_equal(np.isnan(dataset[0].bboxes[:, 0]), [False, True, False, True])
        (folder / "out_of_view.txt").write_text("0,0,0")
        assert "3 values for 4 boxes" in load_dataset("lasot", tmp_path).broken["airplane-1"]

    @pytest.mark.parametrize("frames_folder", ["frames/", ""])
    def test_trackingnet(self, tmp_path, frames_folder):
        write_images(tmp_path / f"TEST/{frames_folder}abc_0", range(11), "{}.jpg")
        (tmp_path / "TEST" / "anno").mkdir()
        (tmp_path / "TEST" / "anno" / "abc_0.txt").write_text(box_lines(1))
        (tmp_path / "TEST" / "anno" / "gone_0.txt").write_text(box_lines(1))
        dataset = load_dataset("trackingnet", tmp_path)
        assert [path.stem for path in dataset[0].paths] == [str(number) for number in range(11)]
        assert (len(dataset[0]), dataset.missing) == (11, ("gone_0",))

    def test_uav123_as_got10k_reads_it(self, tmp_path):
        from got10k.datasets import UAV123

        anno = tmp_path / "anno" / "UAV123"
        anno.mkdir(parents=True)
        for extra in ("docs", "code"):
            (tmp_path / extra).mkdir()
        metas = {"bird1_2": range(775, 1478), "wakeboard7": range(1, 200)}
        write_images(tmp_path / "data_seq/UAV123/bird1", range(1, 1480), "{:06d}.jpg")
        (anno / "bird1_2.txt").write_text(box_lines(len(metas["bird1_2"])))
        theirs = quietly(UAV123, str(tmp_path))
        ours = load_dataset("uav123", tmp_path)
        assert_as_got10k(ours, theirs)
        assert (len(ours.missing), ours[0].paths[0].stem) == (122, "000775")

    def test_temple_color_as_got10k_reads_it(self, tmp_path):
        from got10k.datasets import TColor128

        for name, first in (("Ball_ce1", 1), ("Bike_ce2", 3)):
            write_images(tmp_path / name / "img", range(1, 10))
            (tmp_path / name / f"{name}_frames.txt").write_text(f"{first},{first + 5}")
            (tmp_path / name / f"{name}_gt.txt").write_text(box_lines(6))
        ours = load_dataset("tcolor128", tmp_path)
        assert_as_got10k(ours, quietly(TColor128, str(tmp_path), download=False))
        assert ours.lack == "2 of the 128 official targets are there"

    @pytest.mark.parametrize("rate", [240, 30])
    def test_need_for_speed_as_got10k_reads_it(self, tmp_path, rate):
        from got10k.datasets import NfS

        rows = [f'0 {11 + k} 9 {31 + k} 25 {k} 0 0 0 "car"' for k in range(16)]
        write_images(tmp_path / "car" / str(rate) / "car", range(1, 17 if rate == 240 else 3), "{:05d}.jpg")
        (tmp_path / "car" / str(rate) / "car.txt").write_text("\n".join(rows) + "\n")
        assert_as_got10k(load_dataset("nfs", tmp_path, str(rate)), quietly(NfS, str(tmp_path), rate))

    def test_dtb70_as_got10k_reads_it(self, tmp_path):
        from got10k.datasets import DTB70

        make_otb(tmp_path, "Animal1", pattern="{:05d}.jpg")
        assert_as_got10k(load_dataset("dtb70", tmp_path), quietly(DTB70, str(tmp_path)))

    @pytest.mark.parametrize("colour", ["", "color"])
    def test_vot_as_got10k_reads_it(self, tmp_path, colour):
        from got10k.datasets import VOT

        corners = "10.5,9,30,12.5,28,30,8,27\n" * 3
        write_images(tmp_path / "ball" / colour, range(1, 4), "{:08d}.jpg")
        (tmp_path / "ball" / "groundtruth.txt").write_text(corners)
        (tmp_path / "list.txt").write_text("ball\nnot_there\n")
        ours = load_dataset("vot", tmp_path)
        assert ours.missing == ("not_there",)
        if not colour:  # got10k reads the flat layout only
            theirs = quietly(VOT, str(tmp_path), 2018, download=False)[0][1]
            np.testing.assert_allclose(ours[0].bboxes + (1, 1, 0, 0), theirs)

    def test_folder_takes_any_names(self, tmp_path):
        make_otb(tmp_path, "my video")
        make_otb(tmp_path, "worse", boxes=box_lines(9))
        dataset = load_dataset("folder", tmp_path)
        assert [sequence.name for sequence in dataset] == ["my video"]
        assert list(dataset.broken) == ["worse"]

    def test_synthetic_is_rendered_once(self, tmp_path):
        first = load_dataset("synthetic", tmp_path / "new")
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*.jpg")}
        again = load_dataset("synthetic", tmp_path / "new")
        assert {sequence.name for sequence in first} == {sequence.name for sequence in again}
        assert len(first) == first.official_count == 12
        assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*.jpg")}


class TestBadInput:
    @pytest.mark.parametrize("name", sorted(DATASETS))
    def test_an_empty_root_and_a_wrong_subset_are_one_clear_error(self, name, tmp_path):
        if name != "synthetic":
            with pytest.raises(FileNotFoundError, match=r"root|must be in"):
                load_dataset(name, tmp_path)
            with pytest.raises(FileNotFoundError, match=f"dataset root of {name} does not exist"):
                load_dataset(name, tmp_path / "none")
        with pytest.raises(ValueError, match=f"subset of {name} must be one of .*, got 'tset'"):
            load_dataset(name, tmp_path, "tset")

    def test_an_unknown_dataset_names_the_nearest(self):
        with pytest.raises(ValueError, match="unknown dataset 'otb2016': did you mean 'otb201"):
            load_dataset("otb2016", Path())


@pytest.mark.real
def test_real_otb(shared):
    dataset = load_dataset("otb100", shared / "otb")
    assert {sequence.name: len(sequence) for sequence in dataset} == {
        **{"Car4": 659, "Crossing": 120, "David": 471, "Football1": 74, "Jumping": 313},
        **{"Jogging.1": 307, "Jogging.2": 307, "MotorRolling": 164},
    }
    assert len(dataset.missing) == 92
