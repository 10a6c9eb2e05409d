"""The command ``export``: one file, and one line for a mistake."""

import pytest

from experiments.__main__ import main
from experiments.trackers.by_name import Description, parse_contenders

pytest.importorskip("onnxruntime")


def test_an_exported_tracker_takes_part_by_its_file(tmp_path, capsys):
    file = tmp_path / "mine.onnx"
    assert main(["export", "fast", "--output", str(file)]) == 0
    assert "inputs images, seen, template_bbox" in capsys.readouterr().out
    (contender,) = parse_contenders(str(file), (), "cpu")
    told = Description(contender)
    assert told.label == "mine"
    assert told.record["weights"].keys() == {"mine.onnx"}
    assert told.record["settings"]["extractor"]["backbone"]["runtime"] == "onnx"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hog", "--output", "x.onnx"], "one learned part among its features"),
        (["dslt", "--output", "x.onnx"], "unknown setting 'runtime'"),
        (["fast", "--output", "x.pt"], "must end in .onnx"),
        (["fast", "--output", "there.onnx"], "--overwrite"),
    ],
)
def test_a_mistake_is_one_line_and_no_file(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.onnx").write_text("kept")
    assert main(["export", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["there.onnx"]
    assert (tmp_path / "there.onnx").read_text() == "kept"
