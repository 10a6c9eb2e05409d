"""The clips that validation tracks."""

import pytest

from data.datasets.otb import write_otb
from data.synthetic.sequence import synthetic_sequence
from experiments.train.settings import ValidationSettings
from experiments.train.validation import read_clips, validation_clips


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Two roots, each with a clip of the same name and one of its own."""
    root = tmp_path_factory.mktemp("roots")
    for number, name in enumerate(("one/Car", "one/Bird", "two/Car", "two/Cup")):
        write_otb(synthetic_sequence(number, 2, (64, 48)), root / name, ".jpg")
    return f"folder:{root / 'one'}", f"folder:{root / 'two'}"


def test_clips_of_one_name_are_both_kept(roots):
    names = [clip.name for clip in validation_clips(ValidationSettings(clips=roots))]
    assert names == ["Bird", "Car@1", "Car@2", "Cup"]


def test_a_name_is_that_of_each_clip_that_has_it(roots):
    chosen = validation_clips(ValidationSettings(clips=roots, names=("Car",)))
    assert len({clip.paths[0] for clip in chosen}) == 2
    chosen = validation_clips(ValidationSettings(clips=roots, names=("Car@2",)))
    assert [clip.paths[0].parents[2].name for clip in chosen] == ["two"]


def test_a_root_given_twice_is_read_once(roots):
    assert len(read_clips([roots[0], roots[0]])) == 2


def test_a_name_that_no_clip_has(roots):
    with pytest.raises(ValueError, match=r"no clip of .* is called Dog"):
        validation_clips(ValidationSettings(clips=roots, names=("Car", "Dog")))
