"""Frames in from videos, images, cameras and streams; frames out to WebM."""

from data.video.reader import FramesEndedEarly, VideoFrames, open_video
from data.video.writer import VideoWriter

__all__ = ["FramesEndedEarly", "VideoFrames", "VideoWriter", "open_video"]
