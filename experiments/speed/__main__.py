"""``make gpu``, or ``python -m experiments.speed``: the `gpu` tests, then this machine's speed, in eight minutes.

No command of ``python -m experiments``, because a GPU machine without a network has no tyro to parse one: torch,
NumPy, OpenCV, SciPy, PyYAML, tqdm and safetensors are enough. What cannot be measured is said to be skipped.
"""

import argparse
import sys
from pathlib import Path

from experiments.speed.run import measure_all


def main() -> int:
    """Parse the options and measure; 1 if a `gpu` test failed or a part broke."""
    parser = argparse.ArgumentParser(prog="python -m experiments.speed", description=__doc__)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; by default a GPU if there is one")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/speed"), help="folder of speed.json, speed.md"
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="parts that would begin later are skipped")
    parser.add_argument("--quick", action="store_true", help="a few steps of each part: does it run at all")
    options = parser.parse_args()
    return measure_all(options.device, options.output, seconds=60 * options.minutes, quick=options.quick)


if __name__ == "__main__":
    sys.exit(main())
