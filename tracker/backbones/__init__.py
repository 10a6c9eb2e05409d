"""Backbones: from crops to feature maps, found by name."""

from tracker.backbones.base import BACKBONES, Backbone, build_backbone
from tracker.backbones.color import Color
from tracker.backbones.compact import Compact
from tracker.backbones.gray import Gray
from tracker.backbones.hog import HOG
from tracker.backbones.mobile import Mobile, MobileStride4
from tracker.backbones.onnx import OnnxNetwork, OnnxStride4
from tracker.backbones.squeezenet import SqueezeNet
from tracker.backbones.vgg import VGG16, VGG16Stride4

__all__ = [
    "BACKBONES",
    "HOG",
    "VGG16",
    "Backbone",
    "Color",
    "Compact",
    "Gray",
    "Mobile",
    "MobileStride4",
    "OnnxNetwork",
    "OnnxStride4",
    "SqueezeNet",
    "VGG16Stride4",
    "build_backbone",
]
