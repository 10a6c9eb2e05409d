"""Training pairs: two views of a target, cropped, jittered and batched."""

from data.faces import lazy_face

__all__, __getattr__ = lazy_face(__name__, __file__)
