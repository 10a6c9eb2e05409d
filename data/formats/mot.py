"""MOTChallenge's text files, with a line for each box."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.formats.base import FORMATS, Format, safe_file_name
from data.track_result import TrackResult


@FORMATS.register("mot")
class Mot(Format):
    """MOTChallenge's results, lines of ``frame, id, left, top, width, height, conf, -1, -1, -1``.

    Frames, ids and coordinates are 1-based, as in the challenge. A frame in which the target is absent or lost has no
    line. ``conf`` is the score, 1 if there is none. Ids number the targets in order; names, classes and the size
    of the frames are not stored.
    """

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        lines = [
            (
                int(frame),
                number,
                f"{frame + 1},{number},{_numbers(bbox)},{1 if math.isnan(score) else score:.6g},-1,-1,-1\n",
            )
            for number, one in enumerate(results, 1)
            for frame, bbox, score in zip(
                one.frames[one.present], one.bboxes[one.present], one.scores[one.present], strict=True
            )
        ]
        name = safe_file_name(Path(results[0].source).stem) if results[0].source else "tracks"
        return {f"{name}.txt": "".join(line for *_, line in sorted(lines))}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; column 7 becomes the score."""
        targets: dict[int, dict[int, list[float]]] = {}
        for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
            if not line.strip():
                continue
            frame, target, row = _parse(line, f"{path}, line {number}")
            if frame in targets.setdefault(target, {}):
                raise ValueError(
                    f"{path}, line {number}: target {target} has a box in frame {frame + 1} already"
                )
            targets[target][frame] = row
        return [_track(target, rows, path.stem) for target, rows in sorted(targets.items())]


def _numbers(bbox: Sequence[float]) -> str:
    x, y, w, h = bbox
    return f"{x + 1:.3f},{y + 1:.3f},{w:.3f},{h:.3f}"


def _parse(line: str, where: str) -> tuple[int, int, list[float]]:
    try:
        frame, target, x, y, w, h, confidence = map(float, (*line.split(","), "1")[:7])
        whole = frame.is_integer() and frame >= 1 and target.is_integer()
        if not whole or not all(map(math.isfinite, (x, y, w, h))) or min(w, h) <= 0:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{where}: expected frame,id,left,top,width,height,conf,…, got '{line[:60]}'"
        ) from None
    return int(frame) - 1, int(target), [x - 1, y - 1, w, h, confidence]


def _track(target: int, rows: dict[int, list[float]], source: str) -> TrackResult:
    frames = sorted(rows)
    return TrackResult(
        name=str(target),
        frames=np.array(frames),
        bboxes=np.array([rows[frame][:4] for frame in frames]),
        scores=np.array([rows[frame][4] for frame in frames]),
        source=source,
    )
