"""Miniature datasets on disk: every layout with a handful of tiny frames."""

import cv2
import numpy as np

SIZE_WH = (64, 48)


def encoded(suffix=".jpg"):
    noise = np.random.default_rng(0).integers(0, 256, (SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8)
    return cv2.imencode(suffix, noise)[1].tobytes()


def write_images(folder, numbers, pattern="{:04d}.jpg"):
    """Write the same small image under each number's name."""
    folder.mkdir(parents=True, exist_ok=True)
    content = encoded("." + pattern.rpartition(".")[2])
    for number in numbers:
        (folder / pattern.format(number)).write_bytes(content)


def box_lines(count, separator=",", x=11):
    """Text of ``count`` boxes, 1-based: 20x16 pixels, moving one pixel a frame and back."""
    return "".join(separator.join(map(str, (x + index % 5, 9, 20, 16))) + "\n" for index in range(count))


def make_otb(root, name="Car4", frames=6, box_file="groundtruth_rect.txt", boxes=None, **images):
    """Write a sequence in OTB's layout."""
    images = {"numbers": range(1, frames + 1), **images}
    write_images(root / name / "img", **images)
    (root / name / box_file).write_text(box_lines(frames) if boxes is None else boxes)
    return root / name


def make_got10k(root, subset="val", count=2, frames=4):
    """Write GOT-10k sequences with their list, labels and meta information."""
    names = [f"GOT-10k_{subset.capitalize()}_{number:06d}" for number in range(1, count + 1)]
    for name in names:
        folder = root / subset / name
        write_images(folder, range(1, frames + 1), "{:08d}.jpg")
        rows = 1 if subset == "test" else frames
        (folder / "groundtruth.txt").write_text(box_lines(rows))
        if subset != "test":
            for label, value in (("cover", 8), ("absence", 0), ("cut_by_image", 0)):
                (folder / f"{label}.label").write_text(f"{value}\n" * frames)
            (folder / "meta_info.ini").write_text(f"[METAINFO]\nurl: none\nresolution: {SIZE_WH}\n")
    (root / subset / "list.txt").write_text("\n".join(names))
    return names
