"""Pairs: a function of seed and index, in batches of any split; what cannot be used is replaced and said."""

from itertools import chain

import numpy as np
import pytest
import torch

from data.datasets.otb import read_otb_root
from data.pairs.dataset import PairDataset, RankSampler, build_loader
from data.pairs.settings import GeometricJitter
from data.pairs.sources import ClipSource, StillSource
from tests.material.clips import dataset, make_clip, make_stills, same


def test_a_box_outside_the_frame_is_passed_over_and_one_across_its_edge_is_used(tmp_path):
    clip = make_clip(
        tmp_path / "clip", [[150, 40, 20, 20], [300, 40, 20, 20], [-9, 20, 20, 20], [0, -19, 20, 20]]
    )
    pairs = [dataset(ClipSource.of([clip]))[index] for index in range(40)]
    assert {name for pair in pairs for name in pair.source.split(" -> ")} == {
        "clip/0000.png",
        "clip/0002.png",
    }
    assert not any(pair.skipped for pair in pairs)


def test_sources_are_mixed_by_weight(tmp_path):
    clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 3)
    stills = StillSource.of_folder(make_stills(tmp_path / "stills"))
    pairs = PairDataset([(ClipSource.of([clip]), 3.0), (stills, 1.0)], 400, crop_size=16)
    share = np.mean(["clip" in pairs[index].source for index in range(400)])
    assert share == pytest.approx(0.75, abs=0.09)  # four standard deviations


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


@pytest.mark.real
def test_real_clips_and_stills_give_pairs(shared):
    clips = ClipSource.of(read_otb_root(shared / "train" / "videos"))
    stills = StillSource.of_folder(shared / "train" / "images")
    batch = next(iter(build_loader(PairDataset([(clips, 1.0), (stills, 1.0)], 32), batch_size=32)))
    centers = batch.search_bbox[:, :2] + batch.search_bbox[:, 2:] / 2
    assert ((centers > 0) & (centers < 128)).float().mean() > 0.95
    assert batch.search.float().std() > 30


class TestOrder:
    @pytest.fixture
    def pairs(self, tmp_path):
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 12, suffix=".jpg")
        stills = StillSource.of_folder(make_stills(tmp_path / "stills"))
        return PairDataset([(ClipSource.of([clip]), 1.0), (stills, 1.0)], 48, crop_size=32)

    def test_a_pair_depends_on_seed_and_index_alone(self, pairs):
        forward = [pairs[index] for index in range(48)]
        backward = [pairs[index] for index in reversed(range(48))][::-1]
        assert all(map(same, forward, backward))
        other = PairDataset(list(zip(pairs.sources, (1.0, 1.0), strict=True)), 48, crop_size=32, seed=1)
        assert not any(map(same, forward, [other[index] for index in range(48)]))

    @pytest.mark.parametrize("world_size", [1, 2, 3, 6])
    def test_ranks_share_the_same_batches_without_overlap(self, pairs, world_size):
        samplers = [RankSampler(pairs, 12, rank=rank, world_size=world_size) for rank in range(world_size)]
        batches = [list(chain(*parts)) for parts in zip(*samplers, strict=True)]
        assert batches == [[12 * batch + number for number in range(12)] for batch in range(4)]

    @pytest.mark.parametrize("start", [0, 1, 3, 4])
    def test_resuming_in_the_middle_goes_on_where_it_stopped(self, pairs, start):
        whole = list(build_loader(pairs, batch_size=12))
        rest = list(build_loader(pairs, batch_size=12, start_batch=start))
        assert len(rest) == 4 - start
        assert all(torch.equal(a.search, b.search) for a, b in zip(whole[start:], rest, strict=True))

    @pytest.mark.slow
    @pytest.mark.parametrize(("workers", "context"), [(2, "fork"), (2, "spawn")])
    def test_workers_give_the_same_pairs(self, pairs, workers, context):
        several = build_loader(pairs, batch_size=12, workers=workers, context=context)
        alone = build_loader(pairs, batch_size=12)
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
            ({"batch_size": 64}, "there must be pairs for a batch of 64, got 48"),
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
