"""Backbones, which turn crops into feature maps. A new backbone is a new file in this folder."""

from tracker.backbones.base import BACKBONES, Backbone, Stage, build_backbone

__all__ = ["BACKBONES", "Backbone", "Stage", "build_backbone"]
