"""Backbones, from crops to feature maps: a new file in this folder is all that a new one needs."""

from tracker.backbones.base import BACKBONES, Backbone, Stage, build_backbone

__all__ = ["BACKBONES", "Backbone", "Stage", "build_backbone"]
