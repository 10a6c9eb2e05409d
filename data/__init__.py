"""Boxes, crops, labels, datasets and video: the input and output of trackers."""

from data.faces import lazy_face

__all__, __getattr__ = lazy_face(
    __name__,
    Clip="datasets.clip",
    FramesEndedEarly="video.reader",
    VideoWriter="video.writer",
    open_video="video.reader",
    read_bboxes="datasets.box_files",
    read_otb="datasets.otb",
    read_otb_root="datasets.otb",
    synthetic_sequence="synthetic.sequence",
    write_bboxes="datasets.box_files",
    write_otb="datasets.otb",
)
