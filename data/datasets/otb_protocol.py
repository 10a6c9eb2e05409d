"""Targets, frames and names of OTB as its authors evaluate it (Wu, Lim, Yang, TPAMI 2015).

Each row of ``otb_targets.csv`` is a target: first and last frame by the number in the image's name, the lists
that it belongs to, its attributes on the benchmark's web site, and the frames in which the toolkit starts no run
of TRE, because the target is hidden or out of view (``initOmit`` of github.com/jwlim/tracker_benchmark, 27 targets).
Tiger1 starts at frame 6: the toolkit leaves out the five frames before, in which the target is hidden.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from data.datasets.base import DATASETS, Dataset, Reader, check_subset, collect
from data.datasets.box_files import read_bboxes
from data.datasets.clip import Clip
from data.datasets.otb import OTB_LAYOUT
from data.images import list_images


@dataclass(frozen=True)
class Target:
    """A row of ``otb_targets.csv``."""

    name: str
    first_frame: int
    last_frame: int
    lists: tuple[str, ...]
    attributes: tuple[str, ...]
    not_started_in: tuple[tuple[int, int], ...] = ()

    @property
    def folder(self) -> str:
        """Name of the target's folder in the official distribution."""
        return self.name.partition(".")[0]

    @property
    def box_file(self) -> str:
        """Name of the target's box file in the official distribution."""
        _, _, number = ("Human4.2" if self.name == "Human4" else self.name).partition(".")
        return f"groundtruth_rect.{number}.txt" if number else "groundtruth_rect.txt"


@cache
def otb_targets() -> dict[str, Target]:
    """Read the targets of OTB-100 by name, in alphabetical order."""
    with Path(__file__).with_name("otb_targets.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: Target(
                row["name"],
                int(row["first_frame"]),
                int(row["last_frame"]),
                tuple(row["lists"].split()),
                tuple(row["attributes"].split()),
                _ranges(row["not_started_in"], int(row["first_frame"])),
            )
            for row in csv.DictReader(file)
        }


def _ranges(text: str, first_frame: int) -> tuple[tuple[int, int], ...]:
    """Indices of the first and the last frame of each range, of ``61-83 90-95`` by the numbers of images."""
    pairs = (one.split("-") for one in text.split())
    return tuple((max(int(first) - first_frame, 0), int(last) - first_frame) for first, last in pairs)


def canonical_name(name: str) -> str:
    """Return an OTB target's name as got10k and this toolbox spell it; other names come back unchanged.

    >>> [canonical_name(name) for name in ("jogging_1", "Jogging-1", "human4_2", "BasketBall", "MyVideo_1")]
    ['Jogging.1', 'Jogging.1', 'Human4', 'Basketball', 'MyVideo_1']
    """
    return _spellings().get(_normalise(name), name)


def read_otb_target(target: Target, folder: Path) -> Clip:
    """Read a target of OTB from its folder, cut to the official frames.

    Images may start at frame 1 or at the target's first frame, and so may the box file.

    Raises:
        FileNotFoundError: Images or box file are missing.
        ValueError: Boxes and frames do not match.
    """
    paths = list_images(folder / "img")
    file = folder / target.box_file
    if not file.is_file():  # each target has a folder of its own
        file = folder / "groundtruth_rect.txt"
    bboxes = read_bboxes(file)
    first, last = target.first_frame, target.last_frame
    if len(paths) != last - first + 1:
        paths = [path for path in paths if first <= _frame_number(path) <= last]
    if len(bboxes) == last:
        bboxes = bboxes[first - 1 :]
    more = {"attributes": target.attributes, "not_started_in": target.not_started_in}
    return Clip.matched(target.name, paths, bboxes, file, **more)


def load_otb(version: str, root: Path, subset: str | None) -> Dataset:
    """Read one of OTB's lists: ``2013``, ``2015`` (OTB-100) or ``50``, the harder half of ``2015``."""
    check_subset(f"otb{version}", subset, ("all",))
    folders = {canonical_name(path.name): path for path in sorted(root.iterdir()) if path.is_dir()}
    readers: dict[str, Reader | None] = {}
    for target in otb_targets().values():
        if version in target.lists:
            folder = folders.get(target.name, folders.get(target.folder))
            readers[target.name] = partial(read_otb_target, target, folder) if folder else None
    return collect(f"otb{version}", f"OTB{version}", root, readers, len(readers), layout=OTB_LAYOUT)


@DATASETS.register("otb2013")
def load_otb2013(root: Path, subset: str | None) -> Dataset:
    """Read OTB-2013."""
    return load_otb("2013", root, subset)


@DATASETS.register("otb50")
def load_otb50(root: Path, subset: str | None) -> Dataset:
    """Read OTB-50."""
    return load_otb("50", root, subset)


@DATASETS.register("otb2015")
def load_otb2015(root: Path, subset: str | None) -> Dataset:
    """Read OTB-100, called OTB2015 by got10k."""
    return load_otb("2015", root, subset)


@cache
def _spellings() -> dict[str, str]:
    return {_normalise(name): name for name in otb_targets()} | {"human4.2": "Human4"}


def _normalise(name: str) -> str:
    return re.sub(r"[-_ ]", ".", name.lower())


def _frame_number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    return int(digits[-1]) if digits else 0
