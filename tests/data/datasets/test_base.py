"""What a dataset says of what it lacks, and of sequences that cannot be used."""

import numpy as np
import pytest

from data.datasets.base import Dataset, check_subset, collect
from data.datasets.clip import Clip


def clip(name):
    return Clip(name, (), np.ones((2, 4)))


def broken():
    raise ValueError("no box file")


def test_the_lack_is_said_by_name_or_by_number(tmp_path):
    names = tuple(f"s{number}" for number in range(10))
    found = Dataset("mine", "Mine", tmp_path, (clip("a"),), names, official_count=11)
    assert found.lack == ("10 of the 11 official targets are not there: s0, s1, s2, s3, s4, s5, s6, s7, …")
    assert Dataset("mine", "Mine", tmp_path, (clip("a"),), (), {"b": "…"}, 3).lack == (
        "2 of the 3 official targets are there"
    )
    assert Dataset("mine", "Mine", tmp_path, (clip("a"),), official_count=1).lack == ""


def test_missing_broken_and_doubled_sequences_are_listed(tmp_path):
    readers = {
        "a": lambda: clip("a"),
        "b": None,
        "c": broken,
        "twice": lambda: [clip("d.1"), clip("d.2")],
        "again": lambda: clip("d.1"),
    }
    found = collect("mine", "Mine", tmp_path, readers, 5)
    assert [one.name for one in found] == ["a", "d.2"]
    assert (found[0].name, len(found), found.missing) == ("a", 2, ("b",))
    assert found.broken["c"] == "no box file"
    assert found.broken["d.1"].startswith("2 targets have this name")


def test_an_empty_root_says_what_it_should_hold(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"no sequence of mine: expected NAME/img; got notes\.txt"):
        collect("mine", "Mine", tmp_path, {"b": None}, layout="NAME/img")


def test_subsets():
    assert check_subset("mine", None, ("val", "test")) == "val"
    with pytest.raises(ValueError, match="subset of mine must be one of val, test, got 'train'"):
        check_subset("mine", "train", ("val", "test"))
