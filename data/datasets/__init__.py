"""Datasets of annotated clips: their layouts on disk, the clips, and checks."""

from data.datasets.base import Dataset
from data.datasets.by_name import load_dataset

__all__ = ["Dataset", "load_dataset"]
