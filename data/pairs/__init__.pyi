from data.pairs.dataset import PairBatch as PairBatch
from data.pairs.dataset import PairDataset as PairDataset
from data.pairs.dataset import build_loader as build_loader
