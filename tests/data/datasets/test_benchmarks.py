"""The layouts of the benchmarks, read as got10k reads them."""

import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from tests.material.got10k import assert_as_got10k, quietly
from tests.material.trees import SIZE_WH, box_lines, make_got10k, make_otb, write_images

NAN = [np.nan] * 4


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


def test_lasot(tmp_path):
    folder = tmp_path / "airplane" / "airplane-1"
    write_images(folder / "img", range(1, 5), "{:08d}.jpg")
    (folder / "groundtruth.txt").write_text(box_lines(4))
    (folder / "full_occlusion.txt").write_text("0,1,0,0")
    (folder / "out_of_view.txt").write_text("0,0,0,1")
    dataset = load_dataset("lasot", tmp_path)
    assert (dataset[0].name, len(dataset.missing), dataset.official_count) == ("airplane-1", 279, 280)
    np.testing.assert_array_equal(np.isnan(dataset[0].bboxes[:, 0]), [False, True, False, True])
    assert dataset[0].attributes == ()
    (tmp_path / "att").mkdir()
    (tmp_path / "att" / "airplane-1.txt").write_text("0,1,0,0,0,0,0,0,0,0,0,0,0,1\n")
    assert load_dataset("lasot", tmp_path)[0].attributes == ("POC", "ARC")
    (tmp_path / "att" / "airplane-1.txt").write_text("0,1\n")
    assert "2 values for 14 attributes" in load_dataset("lasot", tmp_path).broken["airplane-1"]
    (tmp_path / "att" / "airplane-1.txt").unlink()
    (folder / "out_of_view.txt").write_text("0,0,0")
    assert "3 values for 4 boxes" in load_dataset("lasot", tmp_path).broken["airplane-1"]


@pytest.mark.parametrize("frames_folder", ["frames/", ""])
def test_trackingnet(tmp_path, frames_folder):
    write_images(tmp_path / f"TEST/{frames_folder}abc_0", range(11), "{}.jpg")
    (tmp_path / "TEST" / "anno").mkdir()
    (tmp_path / "TEST" / "anno" / "abc_0.txt").write_text(box_lines(1))
    (tmp_path / "TEST" / "anno" / "gone_0.txt").write_text(box_lines(1))
    dataset = load_dataset("trackingnet", tmp_path)
    assert [path.stem for path in dataset[0].paths] == [str(number) for number in range(11)]
    assert (len(dataset[0]), dataset.missing) == (11, ("gone_0",))


def test_uav123_as_got10k_reads_it(tmp_path):
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
    (anno / "att").mkdir()
    (anno / "att" / "bird1_2.txt").write_text("1,0,0,0,0,0,0,0,0,0,0,1")
    assert load_dataset("uav123", tmp_path)[0].attributes == ("SV", "SOB")


@pytest.mark.parametrize("subset", [None, "UAV123_10fps"])
def test_uav123_at_10_fps_has_every_third_frame_counted_anew(tmp_path, subset):
    """Frames of both as their authors' configSeqs.m of that release lists them."""
    anno = tmp_path / "anno" / "UAV123_10fps"
    anno.mkdir(parents=True)
    listed = {"bird1_2": (259, 493), "car1_s": (1, 492)}
    for name, (first, last) in listed.items():
        folder = tmp_path / "data_seq" / "UAV123_10fps" / {"bird1_2": "bird1"}.get(name, name)
        write_images(folder, range(1, last + 1), "{:06d}.jpg")
        (anno / f"{name}.txt").write_text(box_lines(last - first + 1))
    dataset = load_dataset("uav123", tmp_path, subset)
    assert (dataset.results_name, len(dataset.missing), dataset.broken) == ("UAV123_10fps", 121, {})
    ends = {one.name: (int(one.paths[0].stem), int(one.paths[-1].stem)) for one in dataset}
    assert ends == listed


def test_uav20l_as_got10k_reads_it(tmp_path):
    from got10k.datasets import UAV123

    (tmp_path / "anno" / "UAV20L").mkdir(parents=True)
    for extra in ("docs", "code", "data_seq/UAV123"):
        (tmp_path / extra).mkdir(parents=True)
    write_images(tmp_path / "data_seq/UAV123/bird1", range(1, 2438), "{:06d}.jpg")
    (tmp_path / "anno" / "UAV20L" / "bird1.txt").write_text(box_lines(2437))
    ours = load_dataset("uav123", tmp_path, "UAV20L")
    assert_as_got10k(ours, quietly(UAV123, str(tmp_path), "UAV20L"))
    assert (ours.results_name, len(ours.missing)) == ("UAV20L", 19)


def test_temple_color_as_got10k_reads_it(tmp_path):
    from got10k.datasets import TColor128

    for name, first in (("Ball_ce1", 1), ("Bike_ce2", 3)):
        write_images(tmp_path / name / "img", range(1, 10))
        (tmp_path / name / f"{name}_frames.txt").write_text(f"{first},{first + 5}")
        (tmp_path / name / f"{name}_gt.txt").write_text(box_lines(6))
    ours = load_dataset("tcolor128", tmp_path)
    assert_as_got10k(ours, quietly(TColor128, str(tmp_path), download=False))
    assert ours.lack == "2 of the 128 official targets are there"


@pytest.mark.parametrize("rate", [240, 30])
def test_need_for_speed_as_got10k_reads_it(tmp_path, rate):
    from got10k.datasets import NfS

    rows = [f'0 {11 + k} 9 {31 + k} 25 {k} 0 0 0 "car"' for k in range(16)]
    write_images(tmp_path / "car" / str(rate) / "car", range(1, 17 if rate == 240 else 3), "{:05d}.jpg")
    (tmp_path / "car" / str(rate) / "car.txt").write_text("\n".join(rows) + "\n")
    assert_as_got10k(load_dataset("nfs", tmp_path, str(rate)), quietly(NfS, str(tmp_path), rate))


def test_need_for_speed_as_pytracking_keeps_it(tmp_path):
    write_images(tmp_path / "sequences/car", range(1, 4), "{:05d}.jpg")
    (tmp_path / "anno").mkdir()
    (tmp_path / "anno" / "nfs_car.txt").write_text("11 9 20 16\n" * 4)
    (car,) = load_dataset("nfs", tmp_path, "30")
    assert (car.name, len(car), car.bboxes[0].tolist()) == ("car", 3, [10, 8, 20, 16])


def test_dtb70_as_got10k_reads_it(tmp_path):
    from got10k.datasets import DTB70

    make_otb(tmp_path, "Animal1", pattern="{:05d}.jpg")
    assert_as_got10k(load_dataset("dtb70", tmp_path), quietly(DTB70, str(tmp_path)))


def test_the_tags_of_vot_hold_frame_by_frame(tmp_path):
    """A file may end early, as those of VOT2019's graduate do; those of VOT2013 and 2014 are called labels."""
    write_images(tmp_path / "ball", range(1, 5), "{:08d}.jpg")
    (tmp_path / "ball" / "groundtruth.txt").write_text("10,9,30,12\n" * 4)
    (tmp_path / "ball" / "occlusion.tag").write_text("0\n1\n1\n")
    (tmp_path / "ball" / "size_change.label").write_text("0\n0\n0\n1\n")
    (tmp_path / "ball" / "illum_change.tag").write_text("0\n" * 4)
    ball = load_dataset("vot", tmp_path)[0]
    assert ball.attributes == ("occlusion", "size_change")
    assert {name: held.tolist() for name, held in ball.tags.items()} == {
        "occlusion": [False, True, True, False],
        "size_change": [False, False, False, True],
    }


@pytest.mark.parametrize("colour", ["", "color"])
def test_vot_as_got10k_reads_it(tmp_path, colour):
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
