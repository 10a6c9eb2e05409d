"""The command asked by the protocol's own client, as the VOT toolkit asks it."""

import configparser
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from experiments.__main__ import main
from tests.material.clips import make_clip
from tracker import load_tracker

ROOT = Path(__file__).resolve().parents[3]
BOXES = [(20 + 2 * number, 30, 24, 24) for number in range(6)]


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "clip", BOXES)


@contextmanager
def asked(tracker="gray"):
    """The command and a client at its other end."""
    client = pytest.importorskip("trax.client")
    command = [sys.executable, "-m", "experiments", "vot", "--tracker", tracker]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        pipe = (process.stdin.fileno(), process.stdout.fileno())
        talk = client.Client(
            stream=pipe, timeout=60, log=lambda _: None
        )  # without a log it fails in Python 3.11
        yield talk, process
        process.stdin.close()
        process.wait(30)


def rectangle(bbox):
    import trax

    return [(trax.Rectangle.create(*bbox), {})]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "memory", "buffer"])
def test_a_client_gets_the_boxes_that_python_gets(clip, kind):
    images = list(clip.frames())
    tracker = load_tracker("gray")
    tracker.init(images[0], BOXES[0])
    expected = [tracker.update(image) for image in images[1:]]
    with asked() as (client, process):
        import trax

        def image(number):
            if kind == "path":
                return {"color": trax.FileImage.create(str(clip.paths[number]))}
            if kind == "memory":
                return {"color": trax.MemoryImage.create(images[number])}
            encoded = cv2.imencode(".png", images[number][..., ::-1])[1]
            return {"color": trax.BufferImage.create(encoded.tobytes())}

        assert client.tracker_name == "gray"
        assert client.region_formats == ["rectangle"]
        for _ in range(2):  # the toolkit starts a tracker again after a failure
            ((region, _),), _ = client.initialize(image(0), rectangle(BOXES[0]), {})
            assert region.bounds() == BOXES[0]
            for number, output in enumerate(expected, 1):
                ((region, properties),), _ = client.frame(image(number), objects=[])
                np.testing.assert_allclose(region.bounds(), output.bbox, atol=1e-3)
                assert float(properties["confidence"]) == pytest.approx(output.score, abs=1e-4)
        client.quit()
        assert process.wait(30) == 0


@pytest.mark.slow
def test_what_cannot_be_tracked_is_said_to_the_client(clip):
    with asked() as (client, process):
        import trax

        image = {"color": trax.FileImage.create(str(clip.paths[0]))}
        with pytest.raises(trax.TraxException, match="at least 2 pixels"):
            client.initialize(image, rectangle((20, 30, 1, 1)), {})
        assert process.wait(30) == 2
        assert b"Traceback" not in process.stderr.read()


def test_without_the_package_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trax", None)
    assert main(["vot", "--tracker", "identity"]) == 2
    assert "requirements-vot.txt" in capsys.readouterr().err


def test_the_section_for_the_toolkit_starts_this_command(capsys):
    assert main(["vot", "--tracker", "gray", "--ini"]) == 0
    section = configparser.ConfigParser()
    section.read_string(capsys.readouterr().out)
    assert section["gray"]["protocol"] == "trax"
    assert section["gray"]["command"].startswith(f"{sys.executable} -m experiments vot --tracker gray")
    assert Path(section["gray"]["env_pythonpath"], "experiments", "__main__.py").is_file()
