"""Training pairs: two views of a target, cropped, jittered and batched."""

from data.pairs.dataset import PairBatch, PairDataset, build_loader

__all__ = ["PairBatch", "PairDataset", "build_loader"]
