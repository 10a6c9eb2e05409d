"""Synthetic sequences with exact boxes."""

from data.synthetic.scene import SyntheticSequence
from data.synthetic.sequence import ATTRIBUTES, synthetic_sequence

__all__ = ["ATTRIBUTES", "SyntheticSequence", "synthetic_sequence"]
