"""Pairs: the box is where the target is, and what cannot be used is passed over or said."""

import cv2
import numpy as np
import pytest

from data.datasets.otb import read_otb_root
from data.image_headers import image_size
from data.images import decode_bgr, read_image
from data.pairs.dataset import PairDataset, build_loader
from data.pairs.jitter_geometry import GeometricJitter
from data.pairs.sources import ClipSource, FolderClip, StillSource, SyntheticSource, salient_bbox
from tests.material.clips import bright_box, dataset, make_clip, make_stills, same
from tests.material.trees import make_otb

STRONG = GeometricJitter(shift=0.6, scale=0.2, aspect=0.2, flip=0.5)
NONE = GeometricJitter(shift=0, scale=0, aspect=0, flip=0)


class TestWhereTheTargetIs:
    @pytest.mark.parametrize(
        ("size_wh", "target_wh", "suffix"),
        [
            ((160, 120), (20, 14), ".bmp"),  # enlarged
            ((400, 400), (60, 80), ".bmp"),  # shrunk a little
            ((1600, 1600), (300, 260), ".bmp"),  # shrunk a lot
            ((801, 803), (120, 160), ".jpg"),  # decoded at half its odd size
            ((1605, 1603), (300, 260), ".jpg"),  # at a quarter
        ],
    )
    def test_the_box_is_where_the_target_is(self, tmp_path, size_wh, target_wh, suffix):
        place = (np.array(size_wh) - target_wh) // 2
        clip = make_clip(
            tmp_path / "clip", [[*place, *target_wh], [*(place + 7), *target_wh]], size_wh, suffix
        )
        pairs = dataset(ClipSource.of([clip], jitter=STRONG), 24, search_area_scale=4.0)
        for pair in (pairs[index] for index in range(12)):
            for crop, bbox in ((pair.template, pair.template_bbox), (pair.search, pair.search_bbox)):
                if (bbox[:2] > 1).all() and (bbox[:2] + bbox[2:] < 127).all():
                    assert bright_box(crop) == pytest.approx(bbox, abs=0.35)
        assert np.std([pairs[index].search_bbox[2] for index in range(12)]) > 2  # or nothing was tried

    def test_the_template_is_centred(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 30, 40], [60, 30, 41, 27]])
        pairs = dataset(ClipSource.of([clip], jitter=STRONG))
        for pair in (pairs[index] for index in range(20)):
            x, y, w, h = pair.template_bbox
            pixel = 128 / (3 * np.sqrt(30 * 40))  # the crop lies on whole pixels of the image
            assert (x + (w - 1) / 2, y + (h - 1) / 2) == pytest.approx((63.5, 63.5), abs=pixel / 2 + 0.1)
            assert np.sqrt(w * h) == pytest.approx(128 / 3, rel=0.01)

    def test_without_jitter_both_crops_of_a_frame_are_equal(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 30, 40]])
        pair = dataset(ClipSource.of([clip], jitter=NONE))[0]
        assert np.array_equal(pair.template, pair.search)
        assert np.array_equal(pair.template_bbox, pair.search_bbox)

    def test_jitter_is_drawn_from_what_it_says(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[150, 150, 50, 50]], (350, 350), ".jpg")
        jitter = GeometricJitter(shift=0.5, scale=0.1, aspect=0.2)
        pairs = dataset(ClipSource.of([clip], jitter=jitter), 600)
        boxes = np.array([pairs[index].search_bbox for index in range(600)], float)
        aspect, extent = np.log(boxes[:, 2] / boxes[:, 3]), np.log(np.sqrt(boxes[:, 2] * boxes[:, 3]))
        assert aspect.std() == pytest.approx(0.2, rel=0.1)
        assert extent.std() == pytest.approx(0.1, rel=0.1)
        shift = (63.5 - (boxes[:, :2] + (boxes[:, 2:] - 1) / 2)) / np.exp(extent)[:, None]
        assert np.abs(shift).max() == pytest.approx(0.5 * np.exp(0.3), rel=0.3)  # in widths of a scaled crop
        assert shift.std(axis=0) == pytest.approx([0.5 / np.sqrt(3)] * 2, rel=0.1)

    def test_colours_are_rgb(self, tmp_path):
        red = np.zeros((60, 60, 3), np.uint8)
        red[..., 2] = 255  # BGR, as OpenCV writes it
        cv2.imwrite(str(tmp_path / "red.png"), red)
        pair = dataset(StillSource.of_folder(tmp_path))[0]
        assert pair.template[64, 64].tolist() == pair.search[64, 64].tolist() == [255, 0, 0]

    def test_a_target_of_one_pixel(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 1, 1], [52, 41, 1, 1]])
        pairs = dataset(ClipSource.of([clip], jitter=STRONG))
        for pair in (pairs[index] for index in range(20)):
            assert pair.search.shape == (128, 128, 3)
            assert np.isfinite(pair.search_bbox).all()
            assert (pair.search_bbox[2:] > 8).all()

    def test_a_pasted_target_is_where_its_box_is(self, tmp_path):
        folder = tmp_path / "stills"
        folder.mkdir()
        image = np.zeros((200, 200, 3), np.uint8)
        image[80:120, 70:130] = 255
        cv2.imwrite(str(folder / "a.png"), image)
        source = StillSource(
            str(folder), np.array([b"a.png"]), np.array([[70.0, 80, 60, 40]]), background=1, jitter=STRONG
        )
        for pair in (dataset(source)[index] for index in range(10)):
            x, y, w, h = pair.search_bbox
            assert pair.search[int(np.clip(y + h / 2, 0, 127)), int(np.clip(x + w / 2, 0, 127))].min() > 250


class TestWhatIsChosen:
    def test_frames_without_a_target_are_left_out(self, tmp_path):
        absent = [np.nan] * 4
        clip = make_clip(tmp_path / "clip", [absent, [50, 40, 20, 20], absent, [60, 40, 20, 20], absent])
        pairs = dataset(ClipSource.of([clip]))
        assert {pairs[index].source for index in range(40)} == {
            "clip/0001.png -> clip/0003.png",
            "clip/0003.png -> clip/0001.png",
        }

    def test_the_frames_are_different_and_not_too_far_apart(self, tmp_path):
        clip = FolderClip.of(make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 30))
        source, gaps = ClipSource([clip], max_gap=5), set()
        for seed in range(400):
            views = source.draw(np.random.default_rng(seed))
            first, second = (int(view.name[5:9]) for view in (views.template, views.search))
            gaps.add(second - first)
        assert gaps == {*range(-5, 6)} - {0}

    def test_a_box_outside_the_frame_is_passed_over_and_one_across_its_edge_is_used(self, tmp_path):
        clip = make_clip(
            tmp_path / "clip", [[150, 40, 20, 20], [300, 40, 20, 20], [-9, 20, 20, 20], [0, -19, 20, 20]]
        )
        pairs = [dataset(ClipSource.of([clip]))[index] for index in range(40)]
        assert {name for pair in pairs for name in pair.source.split(" -> ")} == {
            "clip/0000.png",
            "clip/0002.png",
        }
        assert not any(pair.skipped for pair in pairs)

    def test_clips_without_any_target_are_no_training_data(self, tmp_path):
        empty = make_clip(tmp_path / "empty", [[np.nan] * 4] * 3)
        full = make_clip(tmp_path / "full", [[50, 40, 20, 20]] * 3)
        assert len(ClipSource.of([empty, full]).clips) == 1
        with pytest.raises(ValueError, match="at least one frame with a box"):
            ClipSource.of([empty])

    def test_sources_are_mixed_by_weight(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 3)
        stills = StillSource.of_folder(make_stills(tmp_path / "stills"))
        pairs = PairDataset([(ClipSource.of([clip]), 3.0), (stills, 1.0)], 400, crop_size=16)
        share = np.mean(["clip" in pairs[index].source for index in range(400)])
        assert share == pytest.approx(0.75, abs=0.09)  # four standard deviations

    def test_the_place_in_a_still_is_where_texture_is(self):
        image = np.full((200, 300, 3), 128, np.uint8)
        image[:, 200:] = np.random.default_rng(0).integers(0, 256, (200, 100, 3))
        boxes = np.array([salient_bbox(image, np.random.default_rng(seed)) for seed in range(200)])
        assert (boxes >= (0, 0, 1, 1)).all()
        assert (boxes[:, :2] + boxes[:, 2:] <= (300, 200)).all()
        assert np.mean(boxes[:, 0] + boxes[:, 2] > 200) > 0.85  # a box at random: less than half
        assert np.sqrt(boxes[:, 2] * boxes[:, 3]).min() >= 0.1 * 200 - 1e-9

    def test_empty_roots_say_so(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no image"):
            StillSource.of_folder(tmp_path)
        with pytest.raises(FileNotFoundError, match="does not exist"):
            StillSource.of_folder(tmp_path / "nowhere")
        with pytest.raises(FileNotFoundError, match="holds no sequence"):
            read_otb_root(tmp_path)

    def test_synthetic_targets_are_in_their_boxes(self):
        """The target is drawn over the background, so that the colour in the box differs from that around it."""
        pairs = dataset(SyntheticSource(count=2, jitter=NONE))
        again = dataset(SyntheticSource(count=2, jitter=NONE))
        assert all(same(pairs[index], again[index]) for index in range(4))
        assert len({pairs[index].source for index in range(8)}) > 4


class TestLargeStills:
    @pytest.mark.parametrize("flags", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]])
    def test_the_size_is_in_the_head(self, flags):
        content = cv2.imencode(".jpg", np.zeros((37, 1203, 3), np.uint8), flags)[1].tobytes()
        assert image_size(content) == (1203, 37)
        assert image_size(content[:100]) is None
        assert image_size(b"\xff\xd8\xff") is None

    def test_a_photograph_is_decoded_no_larger_than_it_is_seen(self, tmp_path, monkeypatch):
        image = cv2.GaussianBlur(
            np.random.default_rng(0).integers(0, 256, (900, 1100, 3), dtype=np.uint8), (0, 0), 9
        )
        cv2.imwrite(str(tmp_path / "photo.jpg"), image)
        reduced = []

        def decode(data, name, reduce, **more):
            reduced.append(reduce)
            return decode_bgr(data, name, reduce, **more)

        monkeypatch.setattr("data.pairs.crops.decode_bgr", decode)
        pair = dataset(StillSource.of_folder(tmp_path, jitter=NONE, background=0), crop_size=64)[0]
        assert reduced == [4]  # 900 / (3 * 64) = 4.7
        assert np.array_equal(pair.template, pair.search)
        assert np.sqrt(pair.template_bbox[2:].prod()) == pytest.approx(64 / 3, rel=0.05)


class TestDamagedImages:
    @pytest.fixture
    def clip(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 6, suffix=".jpg")
        clip.paths[2].write_bytes(clip.paths[2].read_bytes()[:-400])
        clip.paths[4].write_text("no image")
        clip.paths[5].unlink()
        return clip

    def test_stop_names_the_file(self, clip):
        pairs = dataset(ClipSource.of([clip]))
        with pytest.raises((ValueError, OSError), match=r"000[245]\.jpg"):
            [pairs[index] for index in range(20)]

    def test_skip_draws_another_pair_and_names_the_file(self, clip):
        pairs = [dataset(ClipSource.of([clip]), on_error="skip")[index] for index in range(40)]
        used = {name for pair in pairs for name in pair.source.split(" -> ")}
        assert used == {"clip/0000.jpg", "clip/0001.jpg", "clip/0003.jpg"}
        messages = " ".join(message for pair in pairs for message in pair.skipped)
        assert all(name in messages for name in ("0002.jpg", "0004.jpg", "0005.jpg"))
        assert "cut short" in messages
        batch = next(iter(build_loader(dataset(ClipSource.of([clip]), on_error="skip"), batch_size=8)))
        assert batch.skipped == tuple(message for pair in pairs[:8] for message in pair.skipped)

    def test_skipping_does_not_change_the_other_pairs(self, clip, tmp_path):
        whole = make_clip(tmp_path / "clip2", [[50, 40, 20, 20]] * 6, suffix=".jpg")
        broken = [dataset(ClipSource.of([clip]), on_error="skip")[index] for index in range(40)]
        sound = [dataset(ClipSource.of([whole]))[index] for index in range(40)]
        kept = [(a, b) for a, b in zip(broken, sound, strict=True) if not a.skipped]
        assert len(kept) > 5
        assert all(np.array_equal(a.search, b.search) for a, b in kept)

    def test_nothing_but_damage_ends(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 2, suffix=".jpg")
        for path in clip.paths:
            path.write_bytes(b"")
        with pytest.raises(RuntimeError, match="100 pairs in a row"):
            dataset(ClipSource.of([clip]), on_error="skip")[0]

    def test_a_thumbnail_does_not_hide_that_an_image_is_cut_short(self, tmp_path):
        """A camera's thumbnail in the head has an end-of-image marker of its own."""
        _, jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
        content, thumbnail = jpeg.tobytes(), cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
        segment = b"\xff\xe3" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
        path = tmp_path / "photo.jpg"
        path.write_bytes(content[:2] + segment + content[2:])
        assert read_image(path).shape == (64, 64, 3)
        path.write_bytes(content[:2] + segment + content[2:-900])
        with pytest.raises(ValueError, match="cut short"):
            read_image(path)


@pytest.mark.real
def test_real_clips_and_stills_give_pairs(shared):
    clips = ClipSource.of(read_otb_root(shared / "train" / "videos"))
    stills = StillSource.of_folder(shared / "train" / "images")
    batch = next(iter(build_loader(PairDataset([(clips, 1.0), (stills, 1.0)], 32), batch_size=32)))
    centers = batch.search_bbox[:, :2] + batch.search_bbox[:, 2:] / 2
    assert ((centers > 0) & (centers < 128)).float().mean() > 0.95
    assert batch.search.float().std() > 30


def test_an_otb_folder_is_a_source(tmp_path):
    make_otb(tmp_path, "Car4")
    pairs = dataset(ClipSource.of(read_otb_root(tmp_path)), crop_size=32)
    assert pairs[0].source.startswith("Car4/000")
