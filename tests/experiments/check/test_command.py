"""The check of a dataset's images."""

from experiments.__main__ import main
from tests.material.trees import encoded, make_otb


def test_a_sound_part_and_a_damaged_one(tmp_path, capsys):
    folder = make_otb(tmp_path, "Car4")
    arguments = ["check", "--dataset", "otb2015", "--root", str(tmp_path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "1 targets, 6 frames" in out
    assert "99 of the 100 official targets are not there" in out
    (folder / "img" / "0004.jpg").write_bytes(encoded()[:300])
    assert main(arguments) == 1
    assert "Car4: 1 of 6 images cannot be read, the first: image is cut short" in capsys.readouterr().out
