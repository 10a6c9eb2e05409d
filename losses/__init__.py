"""Imbalance-aware losses for response maps, found by name."""
