"""Reading frames from videos, images, cameras and streams; writing them to video files."""

from data.video.reader import FramesEndedEarly, VideoFrames, open_video
from data.video.writer import VideoWriter

__all__ = ["FramesEndedEarly", "VideoFrames", "VideoWriter", "open_video"]
