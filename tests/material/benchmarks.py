"""The benchmark command on a miniature dataset, and trackers of others that misbehave."""

from experiments.__main__ import main

PEERS = '''
import os, sys, time
import numpy as np
from got10k.trackers import Tracker

class Still(Tracker):
    """Stays where it starts, and does in frame 2 what its name says."""
    deterministic = True
    def __init__(self):
        super().__init__(type(self).__name__, is_deterministic=self.deterministic)
    def init(self, image, box):
        self.box, self.frame = box, 0
    def update(self, image):
        self.frame += 1
        if self.frame == 2 and image.size == (64, 48):
            self.act()
        return self.box
    def act(self):
        pass

class Raises(Still):
    def act(self): raise KeyError("no such peak")

class Nan(Still):
    def act(self): self.box = np.full(4, np.nan)

class Hangs(Still):
    def act(self): time.sleep(60)

class Dies(Still):
    def act(self): os.abort()

class Ends(Still):
    def act(self): os._exit(0)

class Leaves(Still):
    def act(self): sys.exit(0)

class Interrupts(Still):
    def act(self): raise KeyboardInterrupt

class Nothing(Still):
    def act(self): self.box = None

class Words(Still):
    def act(self): self.box = "over there"

class Corners(Still):
    def act(self): self.box = np.arange(8)

class Slams(Still):
    def act(self): os.closerange(3, 256)

class Wanders(Still):
    deterministic = False
    def act(self): self.box = self.box + np.random.rand(4)

class Slow(Still):
    def update(self, image):
        time.sleep(0.004)
        self.box = self.box + np.random.rand(4).round(3) - 0.5
        return self.box

class WantsMore(Still):
    def __init__(self, path): pass
'''


def benchmark(tmp_path, *arguments, dataset="folder"):
    return main(
        [
            "benchmark",
            "--dataset",
            dataset,
            "--root",
            str(tmp_path / "root"),
            "--output",
            str(tmp_path / "out"),
        ]
        + list(arguments)
    )


def results(tmp_path, *parts):
    return tmp_path.joinpath("out", "results", *parts)
