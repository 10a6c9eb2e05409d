"""Datasets by name: folders, synthetic sequences, and answers to wrong names, roots and subsets."""

from pathlib import Path

import pytest

from data.datasets.base import DATASETS
from data.datasets.by_name import load_dataset
from tests.material.trees import box_lines, make_otb


def test_folder_takes_any_names(tmp_path):
    make_otb(tmp_path, "my video")
    make_otb(tmp_path, "worse", boxes=box_lines(9))
    dataset = load_dataset("folder", tmp_path)
    assert [sequence.name for sequence in dataset] == ["my video"]
    assert list(dataset.broken) == ["worse"]


def test_synthetic_is_rendered_once(tmp_path):
    first = load_dataset("synthetic", tmp_path / "new")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*.jpg")}
    again = load_dataset("synthetic", tmp_path / "new")
    assert {sequence.name for sequence in first} == {sequence.name for sequence in again}
    assert len(first) == first.official_count == 12
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*.jpg")}


class TestBadInput:
    @pytest.mark.parametrize("name", sorted(DATASETS))
    def test_an_empty_root_and_a_wrong_subset_are_one_clear_error(self, name, tmp_path):
        if name != "synthetic":
            with pytest.raises(FileNotFoundError, match=r"root|must be in"):
                load_dataset(name, tmp_path)
            with pytest.raises(FileNotFoundError, match=f"dataset root of {name} does not exist"):
                load_dataset(name, tmp_path / "none")
        with pytest.raises(ValueError, match=f"subset of {name} must be one of .*, got 'tset'"):
            load_dataset(name, tmp_path, "tset")

    def test_an_unknown_dataset_names_the_nearest(self):
        with pytest.raises(ValueError, match="unknown dataset 'otb2016': did you mean 'otb201"):
            load_dataset("otb2016", Path())
