"""Seeded fuzz of every reader: damaged bytes end in a value or in an error that names the file, never otherwise.

`make fuzz` sets FUZZ_INPUTS; without it each reader gets a few of the same inputs.
"""

import json
import os

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from data.datasets.box_files import read_bboxes
from data.images import read_image
from data.pairs.coco import read_coco
from data.video.containers import change_of_size
from data.video.reader import FramesEndedEarly, open_video
from data.video.writer import VideoWriter
from tracker.backbones.weights import read_weights
from tracker.network.checkpoint import read_metadata

PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8), (0, 0), 2)
SAID = (ValueError, OSError, FramesEndedEarly)
"""What a reader may raise; the command line prints it as one line."""


def picture(path):
    cv2.imwrite(str(path), PICTURE)


def thermal(path):
    cv2.imwrite(str(path), PICTURE[..., 0].astype(np.uint16) * 9)


def video(path):
    with VideoWriter(path) as writer:
        for index in range(6):
            writer.write(np.roll(PICTURE, index, axis=1))


def boxes(path):
    path.write_text("".join(f"{index},20,30,40\n" for index in range(20)))


def coco(path):
    image = {"id": 1, "file_name": "x.jpg", "width": 32, "height": 24}
    content = {"images": [image], "annotations": [{"image_id": 1, "bbox": [1, 2, 9, 9], "id": 1}]}
    path.write_text(json.dumps(content))
    picture(path.with_name("x.jpg"))


def tensors(path):
    content = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}
    if path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in content.items()})
    elif path.suffix == ".safetensors":
        save_file(content, path, {"training": json.dumps({"config": {"model": {}}})})
    else:
        torch.save(content, path, _use_new_zipfile_serialization=path.suffix == ".pt")


def play(path):
    change_of_size(path)
    for _ in open_video(path):
        pass


READERS = {
    **{f"x{suffix}": (picture, read_image) for suffix in (".jpg", ".png", ".bmp", ".tif", ".webp", ".ppm")},
    **{f"deep{suffix}": (thermal, read_image) for suffix in (".png", ".tif")},
    **{f"x{suffix}": (video, play) for suffix in (".webm", ".mp4", ".avi")},
    "boxes.txt": (boxes, read_bboxes),
    "coco.json": (coco, read_coco),
    **{f"x{suffix}": (tensors, read_weights) for suffix in (".npz", ".safetensors", ".pth", ".pt")},
    "best.safetensors": (tensors, read_metadata),
}
COUNT = max(int(os.environ.get("FUZZ_INPUTS", "400")) // len(READERS), 1)


def damaged(data, rng):
    """A few bytes changed, cut out, doubled, cut off, or words put in that parsers stumble over."""
    data, words = (
        bytearray(data),
        [b"NaN", b"1e999", b"9" * 400, b"[" * 2000, b"\xff\xfe", b"null", b"-1", b"../"],
    )
    for _ in range(rng.integers(1, 6)):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
        kind = rng.integers(5)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            del data[at:]
        else:
            data[at : at + length] = words[rng.integers(len(words))]
    return bytes(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_damaged_bytes_are_read_or_refused_in_words(tmp_path, name):
    make, read = READERS[name]
    path = tmp_path / name
    make(path)
    whole = path.read_bytes()
    rng = np.random.default_rng([len(name), *name.encode()])
    for number in range(COUNT):
        path.write_bytes(data := damaged(whole, rng))
        try:
            read(path)
        except SAID as error:
            if not str(error).strip():
                pytest.fail(f"input {number} of {name} is refused without a word")
        except Exception as error:
            pytest.fail(f"input {number} of {name}: {type(error).__name__}: {error}; {data[:60]!r}")
