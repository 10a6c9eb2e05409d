"""Pairs: the box is where the target is, and the same pairs come whatever loads them."""

import pickle
from itertools import chain

import cv2
import numpy as np
import pytest
import torch

from data.images import read_image
from data.jitter import GeometricJitter
from data.pair_sources import ClipSource, FolderClip, StillSource, SyntheticSource, salient_bbox
from data.pairs import PairDataset, RankSampler, build_loader
from data.sequences import Sequence, read_otb_root
from tests.trees import make_otb

STRONG = GeometricJitter(shift=0.6, scale=0.2, aspect=0.2, flip=0.5)
NONE = GeometricJitter(shift=0, scale=0, aspect=0, flip=0)


def make_clip(folder, bboxes, size_wh=(160, 120), suffix=".png"):
    """A clip of white rectangles of whole pixels on black."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, box in enumerate(np.asarray(bboxes, float)):
        image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        if np.isfinite(box).all():
            x, y, w, h = box.astype(int)
            image[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = 255
        paths.append(folder / f"{number:04d}{suffix}")
        encoded = cv2.imencode(suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 100] if suffix == ".jpg" else [])[1]
        paths[-1].write_bytes(encoded.tobytes())
    return Sequence(folder.name, tuple(paths), np.asarray(bboxes, float))


def make_stills(folder, count=4, size_wh=(120, 90)):
    folder.mkdir()
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.GaussianBlur(image, (0, 0), 2))
    return folder


def dataset(source, length=64, **settings):
    return PairDataset([(source, 1.0)], length, **settings)


def bright_box(crop):
    """Box x, y, w, h of a bright rectangle on black, to a fraction of a pixel: mean place and total brightness."""
    bright = crop[..., 1].astype(float) / 255
    box = []
    for axis in (0, 1):
        line = bright.sum(axis) / bright.sum(axis).max()
        center, length = (line * np.arange(len(line))).sum() / line.sum(), line.sum()
        box.append((center - (length - 1) / 2, length))
    return np.array([box[0][0], box[1][0], box[0][1], box[1][1]])


def same(first, second):
    return (
        np.array_equal(first.template, second.template)
        and np.array_equal(first.search, second.search)
        and np.array_equal(first.template_bbox, second.template_bbox)
        and np.array_equal(first.search_bbox, second.search_bbox)
        and first.source == second.source
    )


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


class TestOrder:
    @pytest.fixture
    def pairs(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 12, suffix=".jpg")
        stills = StillSource.of_folder(make_stills(tmp_path / "stills"))
        return PairDataset([(ClipSource.of([clip]), 1.0), (stills, 1.0)], 48, crop_size=32)

    def test_a_pair_depends_on_seed_epoch_and_index_alone(self, pairs):
        forward = [pairs[index] for index in range(48)]
        backward = [pairs[index] for index in reversed(range(48))][::-1]
        assert all(map(same, forward, backward))
        pairs.set_epoch(1)
        assert not any(map(same, forward, [pairs[index] for index in range(48)]))
        assert same(pairs[0, 5], forward[5])
        other = PairDataset(list(zip(pairs.sources, (1.0, 1.0), strict=True)), 48, crop_size=32, seed=1)
        assert not any(map(same, forward, [other[index] for index in range(48)]))

    @pytest.mark.parametrize("world_size", [1, 2, 3, 6])
    def test_ranks_share_the_same_batches_without_overlap(self, pairs, world_size):
        samplers = [RankSampler(pairs, 12, rank=rank, world_size=world_size) for rank in range(world_size)]
        batches = [list(chain(*parts)) for parts in zip(*samplers, strict=True)]
        assert batches == [[(0, 12 * batch + number) for number in range(12)] for batch in range(4)]

    @pytest.mark.parametrize("start", [0, 1, 3, 4])
    def test_resuming_in_the_middle_goes_on_where_it_stopped(self, pairs, start):
        whole = list(build_loader(pairs, batch_size=12))
        rest = list(build_loader(pairs, batch_size=12, start_batch=start))
        assert len(rest) == 4 - start
        assert all(torch.equal(a.search, b.search) for a, b in zip(whole[start:], rest, strict=True))

    def test_the_pass_after_a_resumed_one_is_whole(self, pairs):
        loader = build_loader(pairs, batch_size=12, start_batch=3)
        assert len(list(loader)) == 1
        pairs.set_epoch(1)
        assert len(list(loader)) == 4

    @pytest.mark.slow
    @pytest.mark.parametrize(("workers", "context"), [(2, "fork"), (2, "spawn")])
    def test_workers_give_the_same_pairs_in_every_epoch(self, pairs, workers, context):
        several = build_loader(pairs, batch_size=12, workers=workers, context=context)
        alone = build_loader(pairs, batch_size=12)
        for epoch in (0, 1, 5):
            pairs.set_epoch(epoch)
            for first, second in zip(several, alone, strict=True):
                assert torch.equal(first.template, second.template)
                assert torch.equal(first.search_bbox, second.search_bbox)
                assert first.sources == second.sources

    @pytest.mark.slow
    def test_ranks_and_workers_together_give_each_pair_once(self, pairs):
        sources = [
            source
            for rank in range(2)
            for batch in build_loader(pairs, batch_size=12, rank=rank, world_size=2, workers=2)
            for source in batch.sources
        ]
        assert sorted(sources) == sorted(pairs[index].source for index in range(48))

    def test_batches_have_the_agreed_form(self, pairs):
        batch = next(iter(build_loader(pairs, batch_size=12)))
        for crops in (batch.template, batch.search):
            assert (crops.dtype, tuple(crops.shape)) == (torch.uint8, (12, 3, 32, 32))
            assert crops.is_contiguous()
        for boxes in (batch.template_bbox, batch.search_bbox):
            assert (boxes.dtype, tuple(boxes.shape)) == (torch.float32, (12, 4))
        first = pairs[0]
        assert np.array_equal(batch.search[0].permute(1, 2, 0), first.search)
        assert (batch.sources[0], batch.skipped) == (first.source, ())

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"batch_size": 10, "world_size": 4}, "multiple of the 4 processes"),
            ({"batch_size": 64}, "an epoch must hold a batch of 64 pairs, got 48"),
            ({"batch_size": 12, "rank": 2, "world_size": 2}, "rank must be"),
            ({"batch_size": 12, "start_batch": 5}, "start must be 0 to 4"),
        ],
    )
    def test_wrong_splits_say_so(self, pairs, settings, message):
        with pytest.raises(ValueError, match=message):
            build_loader(pairs, **settings)

    def test_wrong_datasets_say_so(self, pairs):
        source = pairs.sources[0]
        with pytest.raises(ValueError, match="sources must be one or more"):
            PairDataset([], 10)
        with pytest.raises(ValueError, match="weights >= 0"):
            PairDataset([(source, -1.0)], 10)
        with pytest.raises(ValueError, match="length must be"):
            PairDataset([(source, 1.0)], 0)
        with pytest.raises(ValueError, match="on_error"):
            PairDataset([(source, 1.0)], 10, on_error="ignore")
        with pytest.raises(ValueError, match="flip"):
            GeometricJitter(flip=2)
        with pytest.raises(IndexError, match="0 to 47"):
            pairs[48]

    def test_a_dataset_travels_to_a_worker_as_little_data(self, tmp_path):
        """A worker gets names and boxes: arrays, no object a frame."""
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]])
        long = Sequence("long", clip.paths * 10_000, np.repeat(clip.bboxes, 10_000, axis=0))
        assert len(pickle.dumps(ClipSource.of([long]))) < 10_000 * (32 + 8 + len("0000.png")) + 2_000


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
