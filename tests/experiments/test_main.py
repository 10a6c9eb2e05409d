"""The command line's last line of defence."""

import pytest

from experiments.__main__ import main


def test_any_exception_is_one_line(monkeypatch, capsys, tmp_path):
    def broken(*_):
        raise KeyError("a key that nobody thought of")

    monkeypatch.setattr("data.open_video", broken)
    arguments = ["track", str(tmp_path / "x.mp4"), "--init-bbox", "1,1,9,9", "--tracker", "identity"]
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: KeyError: 'a key that nobody thought of' (--debug shows where)"]
    with pytest.raises(KeyError):
        main([*arguments, "--debug"])
