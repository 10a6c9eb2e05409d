"""A training run that takes milliseconds: a few small clips, a net of two layers."""

import json

import torch

from data.datasets.otb import write_otb
from data.synthetic.sequence import synthetic_sequence
from experiments.train.command import Train
from experiments.train.run_files import load_last

OPTIONS = [
    *("--steps=8", "--batch-size=4", "--log-every=2", "--checkpoint-every=3", "--ema-decay=0.9"),
    *("--data.workers=0", "--data.crop-size=48", "--model.fixed=None", "--model.widths", "4", "8"),
    *("--model.filter=spatial", "--model.iterations=2", "--optimiser.warmup=2", "--compute.device=cpu"),
    *("--validation.every=4", "--validation.frames=3"),
]


def write_clips(root):
    """Three clips of eight frames in OTB's layout; the last is validated on."""
    for number in range(3):
        write_otb(synthetic_sequence(number, 8, (96, 64)), root / f"clip{number}", ".jpg")
    return root


def options(clips, *more):
    """Command line of a tiny run; later options count."""
    roots = ["--data.sources", f"folder:{clips}", "--validation.clips", f"folder:{clips}"]
    return ["train", *OPTIONS, *roots, "--validation.names", "clip2", *more]


def settings(clips, *more):
    return Train.parse(options(clips, *more)[1:], "train").settings


def metrics(folder):
    """Lines of metrics.jsonl without what a clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in line if not key.endswith("_ms")} for line in lines]


def checkpoint(folder):
    """What last.pt holds, but for how long the log is: it has figures of the clock in it."""
    state = load_last(folder)
    del state["log"]["bytes"]
    return state


def assert_same_run(folder, other):
    assert_same(checkpoint(folder), checkpoint(other))
    assert metrics(folder) == metrics(other)
    assert (folder / "best.safetensors").read_bytes() == (other / "best.safetensors").read_bytes()


def assert_same(one, other, place=""):
    """Two nested states are equal bit for bit."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_same(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{place}/{index}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
    else:
        assert one == other, place
