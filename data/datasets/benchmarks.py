"""Readers of the benchmarks that have a layout of their own.

The package got10k has loaders for most of these benchmarks. They are not used: those of LaSOT, TrackingNet and
VOT raise, and the others refuse a whole dataset because of one missing or inconsistent sequence. Tests compare the
readers here with got10k's where those work. The lists of LaSOT and UAV123 are read from got10k's files.
"""

import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.base import DATASETS, Dataset, Reader, check_subset, collect
from data.datasets.box_files import parse_corners, parse_corners_of_region, parse_region, read_bboxes
from data.datasets.clip import Clip, frame_tags
from data.datasets.otb import OTB_LAYOUT, read_otb
from data.files import check_name, read_text
from data.images import list_images, natural_order


@DATASETS.register("got10k")
def load_got10k(root: Path, subset: str | None) -> Dataset:
    """Read GOT-10k; by its rules, frames in which nothing of the target is visible (cover 0) have no box.

    Of the test subset only the first box is known: the others are NaN.
    """
    part = check_subset("got10k", subset, ("val", "train", "test"))
    folder = root / part
    if not folder.is_dir():
        raise FileNotFoundError(
            f"GOT-10k's {part} must be in {folder}: expected list.txt and GOT-10k_… there"
        )
    read = partial(_read_got10k, only_first=part == "test")
    readers = {name: _reader(read, folder / name) for name in _listed(folder, "GOT-10k_*")}
    count = {"train": 9335, "val": 180, "test": 180}[part]
    layout = f"{part}/list.txt, {part}/GOT-10k_…/groundtruth.txt and {part}/GOT-10k_…/00000001.jpg, …"
    return collect("got10k", "GOT-10k", root, readers, count, layout=layout)


def _read_got10k(folder: Path, *, only_first: bool) -> Clip:
    paths, file = list_images(folder), folder / "groundtruth.txt"
    bboxes = read_bboxes(file)
    if only_first:
        bboxes = _first_of(bboxes, len(paths))
    cover = folder / "cover.label"
    if cover.is_file() and not only_first:
        bboxes[_numbers(cover, len(bboxes), "boxes") == 0] = np.nan
    about = folder / "meta_info.ini"
    kind = re.search(r"^object_class: *(.+?) *$", _text(about), re.MULTILINE)
    more = {"frame_wh": _stated_wh(about), "object_class": kind[1] if kind else ""}
    return Clip.matched(folder.name, paths, bboxes, file, **more)


def _stated_wh(file: Path) -> tuple[int, int] | None:
    """Width and height of the frames as GOT-10k's file states them; None where it does not."""
    line = re.search(r"^resolution: *(.*?)\s*$", _text(file), re.MULTILINE)
    if line is None:
        return None
    size = re.fullmatch(r"\((\d{1,6}), *(\d{1,6})\)", line[1])
    if size is None:
        raise ValueError(f"{file}: resolution must be (width, height), got {line[1][:60]!r}")
    return int(size[1]), int(size[2])


LASOT_ATTRIBUTES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")
"""What the numbers in a file of LaSOT's attributes stand for (Fan et al., CVPR 2019)."""

UAV123_ATTRIBUTES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
"""The same of UAV123 and UAV20L (Mueller, Smith, Ghanem, ECCV 2016)."""


@DATASETS.register("lasot")
def load_lasot(root: Path, subset: str | None) -> Dataset:
    """Read LaSOT; by its rules, frames in which the target is out of view or fully hidden have no box.

    The attributes are those of the evaluation toolkit, if its folder ``att`` is below the root.
    """
    names = _got10k_list("lasot.json")[check_subset("lasot", subset, ("test", "train"))]
    readers = {
        name: _reader(
            partial(_read_lasot, root / "att" / f"{name}.txt"),
            root / name.rpartition("-")[0] / name,
            root / name,
        )
        for name in names
    }
    layout = f"{names[0].rpartition('-')[0]}/{names[0]}/groundtruth.txt and …/img/00000001.jpg, …"
    return collect("lasot", "LaSOT", root, readers, len(names), layout=layout)


def _read_lasot(flags_file: Path, folder: Path) -> Clip:
    file = folder / "groundtruth.txt"
    bboxes = read_bboxes(file)
    for flags in (folder / "full_occlusion.txt", folder / "out_of_view.txt"):
        if flags.is_file():
            bboxes[_numbers(flags, len(bboxes), "boxes") == 1] = np.nan
    attributes = _flagged(flags_file, LASOT_ATTRIBUTES)
    return Clip.matched(folder.name, list_images(folder / "img"), bboxes, file, attributes=attributes)


@DATASETS.register("trackingnet")
def load_trackingnet(root: Path, subset: str | None) -> Dataset:
    """Read TrackingNet; of the test subset only the first box is known: the others are NaN."""
    part = check_subset("trackingnet", subset, ("test", "train"))
    parts = ["TEST"] if part == "test" else [f"TRAIN_{number}" for number in range(12)]
    readers: dict[str, Reader | None] = {}
    for place in parts:
        frames = root / place / "frames"
        for file in _sorted((root / place / "anno").glob("*.txt")):
            packed, read = frames / f"{file.stem}.zip", partial(_read_trackingnet, file)
            readers[file.stem] = _reader(read, frames / file.stem, root / place / file.stem)
            if readers[file.stem] is None and packed.is_file():
                readers[file.stem] = partial(read, packed)
    count = {"test": 511, "train": 30132}[part]
    layout = f"{parts[0]}/anno/NAME.txt and {parts[0]}/frames/NAME/0.jpg, …"
    return collect("trackingnet", "TrackingNet", root, readers, count, layout=layout)


def _read_trackingnet(file: Path, folder: Path) -> Clip:
    if folder.suffix == ".zip":
        raise ValueError(f"its frames are still packed: unzip {folder} into {folder.with_suffix('')}")
    paths, bboxes = list_images(folder), read_bboxes(file)
    bboxes = _first_of(bboxes, len(paths)) if len(bboxes) == 1 else bboxes
    return Clip.matched(file.stem, paths, bboxes, file)


@DATASETS.register("uav123")
def load_uav123(root: Path, subset: str | None) -> Dataset:
    """Read UAV123 (or subset UAV20L), whose sequences are parts of longer recordings.

    Subset UAV123_10fps has every third of UAV123's frames, counted anew; it is the usual one where there is no other.
    """
    part = check_subset("uav123", subset, ("UAV123", "UAV20L", sparse := "UAV123_10fps"))
    if subset is None and (root / "anno" / sparse).is_dir() and not (root / "anno" / part).is_dir():
        part = sparse
    step, images = (3, part) if part == sparse else (1, "UAV123")
    listed = _got10k_list("uav123.json")["UAV123" if part == sparse else part]
    readers: dict[str, Reader | None] = {}
    for name, about in listed.items():
        file = root / "anno" / part / f"{name}.txt"
        first, last = ((about[key] - 1) // step + 1 for key in ("start_frame", "end_frame"))
        read = partial(_read_numbered, name, file, range(first, last + 1), flags=UAV123_ATTRIBUTES)
        folder = root / "data_seq" / images / about["folder_name"]
        readers[name] = _reader(read, folder) if file.is_file() else None
    layout = f"anno/{part}/NAME.txt and data_seq/{images}/NAME/000001.jpg, …"
    return collect("uav123", part, root, readers, len(listed), layout=layout)


@DATASETS.register("tcolor128")
def load_tcolor128(root: Path, subset: str | None) -> Dataset:
    """Read Temple-Color 128, whose folders say in ``*_frames.txt`` which frames count."""
    check_subset("tcolor128", subset, ("all",))
    readers = {file.parent.name: partial(_read_tcolor, file) for file in _sorted(root.glob("*/*_gt.txt"))}
    layout = "NAME/NAME_gt.txt, NAME/NAME_frames.txt and NAME/img/0001.jpg, …"
    return collect("tcolor128", "TColor128", root, readers, 128, layout=layout)


def _read_tcolor(file: Path) -> Clip:
    folder = file.parent
    ranges = _sorted(folder.glob("*_frames.txt"))
    numbers = re.findall(r"\d+", _text(ranges[0])) if ranges else []
    if len(numbers) != 2 or max(map(len, numbers)) > 12:
        raise ValueError(f"{folder} must hold a *_frames.txt with the first and the last frame")
    frames = range(int(numbers[0]), int(numbers[1]) + 1)
    return _read_numbered(folder.name, file, frames, folder / "img")


@DATASETS.register("nfs")
def load_nfs(root: Path, subset: str | None) -> Dataset:
    """Read Need for Speed at 240 or 30 frames a second; the boxes of 30 are every eighth of 240."""
    rate = check_subset("nfs", subset, ("240", "30"))
    readers: dict[str, Reader | None] = {
        file.stem: partial(_read_nfs, file) for file in _sorted(root.glob(f"*/{rate}/*.txt"))
    }
    if not readers and rate == "30":  # PyTracking's layout
        files = {file.stem.removeprefix("nfs_"): file for file in _sorted((root / "anno").glob("nfs_*.txt"))}
        readers = {
            name: _reader(partial(_read_flat_nfs, file), root / "sequences" / name)
            for name, file in files.items()
        }
    layout = f"NAME/{rate}/NAME.txt and NAME/{rate}/NAME/00001.jpg, …"
    return collect("nfs", f"NfS/{rate}", root, readers, 100, layout=layout)


def _read_flat_nfs(file: Path, folder: Path) -> Clip:
    paths, bboxes = list_images(folder), read_bboxes(file)
    return Clip.matched(folder.name, paths, bboxes[: len(paths)], file)


def _read_nfs(file: Path) -> Clip:
    paths, bboxes = list_images(file.with_suffix("")), read_bboxes(file, parse_corners)
    if abs(len(bboxes) / len(paths) - 8) < 1:
        bboxes = bboxes[::8]
    if len(bboxes) == len(paths) + 1:
        bboxes = bboxes[:-1]
    return Clip.matched(file.stem, paths, bboxes, file)


@DATASETS.register("dtb70")
def load_dtb70(root: Path, subset: str | None) -> Dataset:
    """Read DTB70, which has OTB's layout."""
    check_subset("dtb70", subset, ("all",))
    folders = [file.parent for file in _sorted(root.glob("*/groundtruth_rect.txt"))]
    readers = {path.name: partial(read_otb, path) for path in folders}
    return collect("dtb70", "DTB70", root, readers, 70, layout=OTB_LAYOUT)


@DATASETS.register("vot")
def load_vot(root: Path, subset: str | None) -> Dataset:
    """Read a short-term VOT challenge: ``list.txt``, frames flat or in ``color/``, rectangles or corners."""
    check_subset("vot", subset, ("all",))
    if not (root / "list.txt").is_file() and (root / "sequences").is_dir():  # a workspace of the VOT toolkit
        root = root / "sequences"
    names = _listed(root, "*")
    if not (root / "list.txt").is_file():
        names = [name for name in names if (root / name / "groundtruth.txt").is_file()]
    readers = {name: _reader(_read_vot, root / name) for name in names}
    layout = "list.txt, NAME/groundtruth.txt and NAME/color/00000001.jpg (or NAME/00000001.jpg), …"
    return collect("vot", "VOT", root, readers, len(readers), layout=layout)


def _read_vot(folder: Path) -> Clip:
    images, file = folder / "color", folder / "groundtruth.txt"
    paths = list_images(images if images.is_dir() else folder)
    rows = read_text(file, "box file").split()
    corners = None
    if rows and all(row.count(",") == 7 for row in rows):
        corners = np.array([parse_corners_of_region(row.split(",")) for row in rows]) - 1.0
    bboxes = read_bboxes(file, parse_region)
    files = [*_sorted(folder.glob("*.tag")), *_sorted(folder.glob("*.label"))]
    tags = {one.stem: frame_tags(read_text(one).splitlines(), len(bboxes)) for one in files}
    held = {name: frames for name, frames in tags.items() if frames.any()}
    more = {"attributes": tuple(held), "corners": corners, "tags": held}
    return Clip.matched(folder.name, paths, bboxes, file, **more)


def _reader(read: Callable[[Path], Clip], *folders: Path) -> Reader | None:
    """Bind ``read`` to the first of the folders that exists; None if none does."""
    folder = next((folder for folder in folders if folder.is_dir()), None)
    return partial(read, folder) if folder else None


def _read_numbered(name: str, file: Path, frames: range, folder: Path, flags: tuple[str, ...] = ()) -> Clip:
    """Read a sequence from the images of a folder whose names hold the numbers ``frames``; see `_flagged`."""
    numbers = {int(match[0]): path for path in list_images(folder) if (match := re.search(r"\d+", path.stem))}
    held, wanted = [number for number in sorted(numbers) if number in frames], frames.stop - frames.start
    if len(held) != wanted:  # a file may ask for 10^12 of them
        lacking = next(frame for frame in frames if frame not in numbers) if wanted > 0 else "the first"
        raise ValueError(
            f"{folder} holds {len(held)} of the {wanted} frames of {name}: {lacking} is not there, …"
        )
    paths, attributes = [numbers[frame] for frame in held], _flagged(file.parent / "att" / file.name, flags)
    return Clip.matched(name, paths, read_bboxes(file), file, attributes=attributes)


def _flagged(file: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``names`` that have a 1 in a file of one number each; none where there is no such file."""
    if not file.is_file():
        return ()
    flags = _numbers(file, len(names), "attributes")
    return tuple(name for name, flag in zip(names, flags, strict=True) if flag == 1)


def _listed(folder: Path, pattern: str) -> list[str]:
    """Return the names in ``list.txt``, or without such a file those of the folders."""
    file = folder / "list.txt"
    if file.is_file():
        names = list(dict.fromkeys(_text(file).split()))
        for name in names:
            check_name(name, f"a sequence in {file}")
        return names
    return [path.name for path in _sorted(folder.glob(pattern)) if path.is_dir()]


def _got10k_list(name: str) -> Any:
    """Read a list of sequences from a file of the package got10k, without importing it."""
    spec = importlib.util.find_spec("got10k")
    assert spec is not None
    assert spec.origin is not None
    return json.loads(_text(Path(spec.origin).parent / "datasets" / name))


def _first_of(bboxes: np.ndarray, length: int) -> np.ndarray:
    known = np.full((length, 4), np.nan)
    known[:1] = bboxes[:1]
    return known


def _numbers(file: Path, count: int, what: str) -> np.ndarray:
    """The numbers of a file, with commas, spaces or ends of lines between them: one for each of so many."""
    words = re.findall(r"[^\s,]+", read_text(file))
    if len(words) != count:
        raise ValueError(f"{file} holds {len(words)} values for {count} {what}")
    try:
        return np.array(words, np.float64)
    except ValueError:
        raise ValueError(f"{file} must hold numbers only") from None


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=natural_order)


def _text(path: Path) -> str:
    return read_text(path) if path.is_file() else ""
