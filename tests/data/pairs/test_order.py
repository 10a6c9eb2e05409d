"""The same pairs come in the same order whatever loads them: workers, ranks, a run that goes on in the middle."""

import pickle
from itertools import chain

import numpy as np
import pytest
import torch

from data.datasets.clip import Clip
from data.pairs.dataset import PairDataset, RankSampler, build_loader
from data.pairs.jitter_geometry import GeometricJitter
from data.pairs.sources import ClipSource, StillSource
from tests.material.clips import make_clip, make_stills, same


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

    def test_a_dataset_travels_to_a_worker_as_little_data(self, tmp_path):
        """A worker gets names and boxes: arrays, no object a frame."""
        clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]])
        long = Clip("long", clip.paths * 10_000, np.repeat(clip.bboxes, 10_000, axis=0))
        assert len(pickle.dumps(ClipSource.of([long]))) < 10_000 * (32 + 8 + len("0000.png")) + 2_000
