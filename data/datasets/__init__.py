"""Datasets of annotated clips: their layouts on disk, the clips themselves, and what is wrong with them."""

from data.datasets.base import Dataset
from data.datasets.by_name import load_dataset

__all__ = ["Dataset", "load_dataset"]
