"""The benchmarks with a layout of their own, read by one rule each.

got10k has loaders for most of them. They are not used: in the wheel those of LaSOT, TrackingNet and VOT raise,
and the others stop the whole dataset at the first sequence that is missing or inconsistent. Tests compare
these readers with got10k's where those work. The lists of LaSOT and UAV123 are taken from got10k's files.
"""

import ast
import importlib.util
import json
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.base import DATASETS, Dataset, Reader, check_subset, collect
from data.datasets.box_files import parse_corners, parse_corners_of_region, parse_region, read_bboxes
from data.datasets.clip import Clip
from data.files import read_text
from data.images import list_images, natural_order


@DATASETS.register("got10k")
def load_got10k(root: Path, subset: str | None) -> Dataset:
    """Read GOT-10k; frames whose target is not visible at all (cover 0) have no box, as its rules want.

    Of the test subset only the first box is known: the others are NaN.
    """
    part = check_subset("got10k", subset, ("val", "train", "test"))
    folder = root / part
    if not folder.is_dir():
        raise FileNotFoundError(
            f"GOT-10k's {part} must be in {folder}: expected list.txt and GOT-10k_… there"
        )
    readers = {
        name: partial(_read_got10k, folder / name, only_first=part == "test")
        if (folder / name).is_dir()
        else None
        for name in _listed(folder, "GOT-10k_*")
    }
    return collect("got10k", "GOT-10k", root, readers, {"train": 9335, "val": 180, "test": 180}[part])


def _read_got10k(folder: Path, *, only_first: bool) -> Clip:
    paths, file = list_images(folder), folder / "groundtruth.txt"
    bboxes = read_bboxes(file)
    if only_first:
        bboxes = _first_of(bboxes, len(paths))
    cover = folder / "cover.label"
    if cover.is_file() and not only_first:
        visible = np.loadtxt(cover, ndmin=1)
        _check_rows(cover, len(visible), len(bboxes))
        bboxes[visible == 0] = np.nan
    about = _text(folder / "meta_info.ini")
    size = re.search(r"^resolution: *(\(.*\))", about, re.MULTILINE)
    kind = re.search(r"^object_class: *(.+?) *$", about, re.MULTILINE)
    more = {"frame_wh": ast.literal_eval(size[1]) if size else None, "object_class": kind[1] if kind else ""}
    return Clip.matched(folder.name, paths, bboxes, file, **more)


LASOT_ATTRIBUTES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")
"""What the numbers in a file of LaSOT's attributes stand for (Fan et al., CVPR 2019)."""

UAV123_ATTRIBUTES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
"""The same of UAV123 and UAV20L (Mueller, Smith, Ghanem, ECCV 2016)."""


@DATASETS.register("lasot")
def load_lasot(root: Path, subset: str | None) -> Dataset:
    """Read LaSOT; frames in which the target is out of view or fully hidden have no box, as its rules want.

    The attributes are those of the evaluation toolkit, where its folder ``att`` is below the root.
    """
    names = _got10k_list("lasot.json")[check_subset("lasot", subset, ("test", "train"))]
    readers: dict[str, Reader | None] = {}
    for name in names:
        places = (root / name.rpartition("-")[0] / name, root / name)
        folder = next((place for place in places if place.is_dir()), None)
        readers[name] = partial(_read_lasot, folder, root / "att" / f"{name}.txt") if folder else None
    return collect("lasot", "LaSOT", root, readers, len(names))


def _read_lasot(folder: Path, flags_file: Path) -> Clip:
    file = folder / "groundtruth.txt"
    bboxes = read_bboxes(file)
    for flags in (folder / "full_occlusion.txt", folder / "out_of_view.txt"):
        if flags.is_file():
            hidden = np.loadtxt(flags, delimiter=",", ndmin=1)
            _check_rows(flags, len(hidden), len(bboxes))
            bboxes[hidden == 1] = np.nan
    attributes = _flagged(flags_file, LASOT_ATTRIBUTES)
    return Clip.matched(folder.name, list_images(folder / "img"), bboxes, file, attributes=attributes)


@DATASETS.register("trackingnet")
def load_trackingnet(root: Path, subset: str | None) -> Dataset:
    """Read TrackingNet; of the test subset only the first box is known: the others are NaN."""
    part = check_subset("trackingnet", subset, ("test", "train"))
    parts = ["TEST"] if part == "test" else [f"TRAIN_{number}" for number in range(12)]
    readers: dict[str, Reader | None] = {}
    for place in parts:
        for file in _sorted((root / place / "anno").glob("*.txt")):
            homes = (root / place / "frames" / file.stem, root / place / file.stem)
            folder = next((home for home in homes if home.is_dir()), None)
            readers[file.stem] = partial(_read_trackingnet, file, folder) if folder else None
    return collect("trackingnet", "TrackingNet", root, readers, {"test": 511, "train": 30132}[part])


def _read_trackingnet(file: Path, folder: Path) -> Clip:
    paths, bboxes = list_images(folder), read_bboxes(file)
    bboxes = _first_of(bboxes, len(paths)) if len(bboxes) == 1 else bboxes
    return Clip.matched(file.stem, paths, bboxes, file)


@DATASETS.register("uav123")
def load_uav123(root: Path, subset: str | None) -> Dataset:
    """Read UAV123 (or subset UAV20L), whose sequences are stretches of longer ones."""
    part = check_subset("uav123", subset, ("UAV123", "UAV20L"))
    listed = _got10k_list("uav123.json")[part]
    readers: dict[str, Reader | None] = {}
    for name, about in listed.items():
        folder, file = (
            root / "data_seq" / "UAV123" / about["folder_name"],
            root / "anno" / part / f"{name}.txt",
        )
        there = folder.is_dir() and file.is_file()
        frames = range(about["start_frame"], about["end_frame"] + 1)
        readers[name] = partial(_read_uav, name, folder, file, frames) if there else None
    return collect("uav123", part, root, readers, len(listed))


def _read_uav(name: str, folder: Path, file: Path, frames: range) -> Clip:
    attributes = _flagged(file.parent / "att" / file.name, UAV123_ATTRIBUTES)
    return _read_numbered(name, folder, file, frames, attributes)


@DATASETS.register("tcolor128")
def load_tcolor128(root: Path, subset: str | None) -> Dataset:
    """Read Temple-Color 128, whose folders say in ``*_frames.txt`` which frames count."""
    check_subset("tcolor128", subset, ("all",))
    files = _sorted(root.glob("*/*_gt.txt"))
    return collect(
        "tcolor128", "TColor128", root, {file.parent.name: partial(_read_tcolor, file) for file in files}, 128
    )


def _read_tcolor(file: Path) -> Clip:
    folder = file.parent
    ranges = _sorted(folder.glob("*_frames.txt"))
    numbers = re.findall(r"\d+", _text(ranges[0])) if ranges else []
    if len(numbers) != 2:
        raise ValueError(f"{folder} must hold a *_frames.txt with the first and the last frame")
    frames = range(int(numbers[0]), int(numbers[1]) + 1)
    return _read_numbered(folder.name, folder / "img", file, frames)


@DATASETS.register("nfs")
def load_nfs(root: Path, subset: str | None) -> Dataset:
    """Read Need for Speed at 240 or 30 frames a second; the boxes of 30 are every eighth of 240."""
    rate = check_subset("nfs", subset, ("240", "30"))
    readers: dict[str, Reader | None] = {
        file.stem: partial(_read_nfs, file) for file in _sorted(root.glob(f"*/{rate}/*.txt"))
    }
    if not readers and rate == "30":  # as PyTracking and its heirs keep it
        files = _sorted((root / "anno").glob("nfs_*.txt"))
        names = {file.stem.removeprefix("nfs_"): file for file in files}
        places = {name: root / "sequences" / name for name in names}
        readers = {
            name: partial(_read_flat_nfs, file, places[name]) if places[name].is_dir() else None
            for name, file in names.items()
        }
    return collect("nfs", f"NfS/{rate}", root, readers, 100)


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
    files = _sorted(root.glob("*/groundtruth_rect.txt"))
    return collect("dtb70", "DTB70", root, {file.parent.name: partial(_read_dtb, file) for file in files}, 70)


def _read_dtb(file: Path) -> Clip:
    return Clip.matched(file.parent.name, list_images(file.parent / "img"), read_bboxes(file), file)


@DATASETS.register("vot")
def load_vot(root: Path, subset: str | None) -> Dataset:
    """Read a short-term VOT challenge: ``list.txt``, frames flat or in ``color/``, rectangles or corners."""
    check_subset("vot", subset, ("all",))
    names = _listed(root, "*")
    readers = {name: partial(_read_vot, root / name) if (root / name).is_dir() else None for name in names}
    return collect("vot", "VOT", root, readers, len(names))


def _read_vot(folder: Path) -> Clip:
    images, file = folder / "color", folder / "groundtruth.txt"
    paths = list_images(images if images.is_dir() else folder)
    rows = read_text(file, "box file").split()
    corners = None
    if rows and all(row.count(",") == 7 for row in rows):
        corners = np.array([parse_corners_of_region(row.split(",")) for row in rows]) - 1.0
    flags = {tag.stem: "1" in read_text(tag).split() for tag in _sorted(folder.glob("*.tag"))}
    attributes = tuple(name for name, held in flags.items() if held)
    bboxes = read_bboxes(file, parse_region)
    return Clip.matched(folder.name, paths, bboxes, file, attributes=attributes, corners=corners)


def _read_numbered(
    name: str, folder: Path, file: Path, frames: range, attributes: tuple[str, ...] = ()
) -> Clip:
    """Read a sequence whose frames are those of a folder with certain numbers in their names."""
    numbers = {int(match[0]): path for path in list_images(folder) if (match := re.search(r"\d+", path.stem))}
    lacking = [frame for frame in frames if frame not in numbers]
    if lacking:
        raise ValueError(
            f"{folder} lacks {len(lacking)} of the {len(frames)} frames of {name}: {lacking[0]}, …"
        )
    paths = [numbers[frame] for frame in frames]
    return Clip.matched(name, paths, read_bboxes(file), file, attributes=attributes)


def _flagged(file: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``names`` that have a 1 in a file of one number each; none where there is no such file."""
    if not file.is_file():
        return ()
    flags = re.split(r"[,\s]+", _text(file).strip())
    _check_rows(file, len(flags), len(names), "attributes")
    return tuple(name for name, flag in zip(names, flags, strict=True) if flag in ("1", "1.0"))


def _listed(folder: Path, pattern: str) -> list[str]:
    """Names in ``list.txt``, or those of the folders where there is none."""
    file = folder / "list.txt"
    if file.is_file():
        return _text(file).split()
    return [path.name for path in _sorted(folder.glob(pattern)) if path.is_dir()]


def _got10k_list(name: str) -> Any:
    """A list of sequences that got10k carries; the package is looked up, not imported."""
    spec = importlib.util.find_spec("got10k")
    assert spec is not None
    assert spec.origin is not None
    return json.loads(_text(Path(spec.origin).parent / "datasets" / name))


def _first_of(bboxes: np.ndarray, length: int) -> np.ndarray:
    known = np.full((length, 4), np.nan)
    known[:1] = bboxes[:1]
    return known


def _check_rows(file: Path, got: int, expected: int, what: str = "boxes") -> None:
    if got != expected:
        raise ValueError(f"{file} holds {got} values for {expected} {what}")


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=natural_order)


def _text(path: Path) -> str:
    return path.read_text("utf-8-sig") if path.is_file() else ""
