"""Boxes, crops, labels, datasets and video: the input and output of trackers."""

from data.datasets.box_files import read_bboxes, write_bboxes
from data.datasets.clip import Clip
from data.datasets.otb import read_otb, read_otb_root, write_otb
from data.synthetic.sequence import synthetic_sequence
from data.video.reader import FramesEndedEarly, open_video
from data.video.writer import VideoWriter

__all__ = [
    "Clip",
    "FramesEndedEarly",
    "VideoWriter",
    "open_video",
    "read_bboxes",
    "read_otb",
    "read_otb_root",
    "synthetic_sequence",
    "write_bboxes",
    "write_otb",
]
