"""Which targets `track` follows, from which frame on, and where their boxes were corrected."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.boxes import check_bbox, parse_bbox
from experiments.trackers.follow import GivenBox

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Targets:
    """The boxes that were given on the command line.

    Attributes:
        starts: one a target, in the order in which they were given.
        corrections: of these targets.
    """

    starts: Sequence[GivenBox]
    corrections: Sequence[GivenBox]

    def forward(self) -> list[GivenBox]:
        """The boxes that the way from the targets' starts to the end of the video meets."""
        first = {one.target: one.frame for one in self.starts}
        return [*self.starts, *(one for one in self.corrections if one.frame >= first[one.target])]

    def backward(self) -> list[GivenBox]:
        """Those that the way back to the beginning meets."""
        first = {one.target: one.frame for one in self.starts}
        return [*self.starts, *(one for one in self.corrections if one.frame < first[one.target])]

    def names(self, trackers: Iterable[str]) -> Mapping[tuple[str, str], str]:
        """(target, tracker) -> name of the track: what tells it from the others.

        Raises:
            ValueError: two tracks would have one name.
        """
        targets, trackers = [one.target for one in self.starts], list(trackers)
        several = len(targets) > 1 or targets[0] != UNNAMED
        named = {
            (target, tracker): "-".join(
                [target] * (several or len(trackers) == 1) + [tracker] * (len(trackers) > 1)
            )
            for target in targets
            for tracker in trackers
        }
        if len(set(named.values())) < len(named):
            raise ValueError(
                f"names of targets and trackers give the same name twice: {', '.join(named.values())}"
            )
        return named


UNNAMED = "target"
"""What the only target is called where it has no name; several are numbered."""


def read_targets(
    starts: Sequence[str], init_file: Path | None, corrections: Sequence[str], start_frame: int
) -> Targets:
    """Read what was given: boxes as ``[NAME:][FRAME:]X,Y,W,H``, 0-based pixels and frames.

    Args:
        starts: a box for each target.
        init_file: further ones, a line each; empty lines and those with # in front are left out.
        corrections: boxes with their frames; with the target's name where there are several.
        start_frame: where targets start that say nothing else.

    Raises:
        ValueError: a text is no box, a name is used twice or unknown, or a correction names no frame.
        OSError: the file cannot be read.
    """
    texts = [("--init-bbox", text) for text in starts]
    if init_file is not None:
        lines = (line.strip() for line in init_file.read_text("utf-8-sig").splitlines())
        texts += [
            (f"{init_file}, line {i}", line) for i, line in enumerate(lines, 1) if line and line[0] != "#"
        ]
    found = [_parse(text, where) for where, text in texts]
    given = [
        GivenBox(
            name or (UNNAMED if len(found) == 1 else f"{UNNAMED}{number}"),
            start_frame if frame is None else frame,
            check_bbox(bbox),
        )
        for number, (name, frame, bbox) in enumerate(found, 1)
    ]
    targets = [one.target for one in given]
    if twice := [name for name in targets if targets.count(name) > 1]:
        raise ValueError(f"target {twice[0]!r} is given twice: give it another name, or --correct its box")
    return Targets(given, [_correction(text, targets) for text in corrections])


def _correction(text: str, targets: Sequence[str]) -> GivenBox:
    name, frame, bbox = _parse(text, "--correct")
    if frame is None:
        raise ValueError(f"--correct must be [NAME:]FRAME:X,Y,W,H, got {text!r} without a frame")
    if name is None and len(targets) > 1:
        raise ValueError(
            f"--correct {text} must name one of the targets {', '.join(targets)}, as NAME:FRAME:X,Y,W,H"
        )
    if name is not None and name not in targets:
        raise ValueError(f"--correct {text} is of no target: there are {', '.join(targets)}")
    return GivenBox(name or targets[0], frame, check_bbox(bbox))


def _parse(text: str, where: str) -> tuple[str | None, int | None, tuple[float, float, float, float]]:
    *prefix, numbers = text.split(":")
    try:
        bbox = parse_bbox(numbers)
        frame = int(prefix.pop()) if prefix and prefix[-1].isdecimal() else None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if len(prefix) > 1 or (prefix and not _NAME.fullmatch(prefix[0])):
        raise ValueError(
            f"{where} must be [NAME:][FRAME:]X,Y,W,H with a name of letters, digits and _.-, got {text!r}"
        )
    return prefix[0] if prefix else None, frame, bbox
