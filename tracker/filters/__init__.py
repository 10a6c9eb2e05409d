"""On-line regression filters behind one interface. A new filter is a new file in this folder."""

from tracker.filters.base import FILTERS, FilterModel

__all__ = ["FILTERS", "FilterModel"]
