"""On-line regression filters behind one interface: a new file in this folder is all that a new one needs."""

from tracker.filters.base import FILTERS, FilterModel

__all__ = ["FILTERS", "FilterModel"]
