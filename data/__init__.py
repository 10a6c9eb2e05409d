"""Boxes, crops, labels, datasets and video: the input and output of trackers."""

from data.faces import lazy_face

__all__, __getattr__ = lazy_face(__name__, __file__)
