"""Solvers of the regression behind one interface."""

from tracker.filters.base import FILTERS, FilterModel
from tracker.filters.ridge import RidgeFilter
from tracker.filters.spatial import SpatialFilter

__all__ = ["FILTERS", "FilterModel", "RidgeFilter", "SpatialFilter"]
