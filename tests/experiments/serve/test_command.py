import socket

import pytest

from experiments.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-video.mp4"], "source does not exist: no-such-video.mp4"),
        (["--port=99999"], "--port must be in 0"),
        (["--upload-mb=0"], "--upload-mb must be at least 1"),
        (["--trackers=nobody"], "unknown tracker 'nobody'"),
    ],
)
def test_wrong_requests_end_before_anything_is_served(arguments, message, capsys):
    assert main(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_port_in_use_is_said(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--trackers=identity", f"--port={port}"]) == 2
    assert f"cannot listen at 127.0.0.1:{port}" in capsys.readouterr().err
