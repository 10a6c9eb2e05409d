"""The page in a real browser: from upload to download, by pointer, at a desktop's and a phone's width."""

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data.formats import read_tracks
from data.video import VideoWriter, open_video
from tests.material.pages import open_chromium, wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "<img src=x onerror=document.title='run'>.webm"
LENGTH = 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A patterned square of 48 pixels that moves by 3 pixels a frame, from (40, 60) on, in frames of 240x180."""
    path = tmp_path_factory.mktemp("clips") / HOSTILE
    pattern = np.random.default_rng(3).integers(0, 256, (6, 6, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with VideoWriter(path, 20) as video:
        for number in range(LENGTH):
            frame = np.full((180, 240, 3), 90, np.uint8)
            frame[60:108, 40 + 3 * number : 88 + 3 * number] = pattern
            video.write(frame)
    return path


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads):
    opened = open_chromium(downloads=downloads)
    yield opened
    opened.quit()


@pytest.fixture
def page(browser, clip, tmp_path):
    """The command serving the clip's folder, and the page in the browser; both end well."""
    command = [sys.executable, "-m", "experiments", "serve", str(clip), "--port=0", "--trackers=hog,gray"]
    environment = os.environ | {"TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    url = re.search(r"http://127\.0\.0\.1:\S+", server.stdout.readline()).group()
    browser.get(url)
    wait_for(lambda: browser.execute_script("return !document.getElementById('opening').hidden"))
    yield partial(browser.execute_script)
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    assert browser.title != "run"
    browser.get("about:blank")
    server.send_signal(signal.SIGINT)
    assert server.wait(30) in (0, 130)
    assert not list(tmp_path.glob("serve-*")), "uploads must not outlive the command"


def drag(browser, run, start, end):
    """Drag with the mouse from one pixel of the frame to another."""
    from selenium.webdriver.common.action_chains import ActionChains

    left, top, wide = run(
        "const area = document.getElementById('stage').getBoundingClientRect();"
        "return [area.left, area.top, area.width]"
    )
    places = [(round(left + x * wide / 240), round(top + y * wide / 240)) for x, y in (start, end)]
    chain = ActionChains(browser, duration=20)
    pointer = chain.w3c_actions.pointer_action
    pointer.move_to_location(*places[0]).pointer_down().move_to_location(*places[1]).pointer_up()
    chain.perform()


def press(run, name):
    run("document.getElementById(arguments[0]).click()", name)


def frame(run):
    return int(run("return document.getElementById('frame').textContent").split()[0])


def lanes(run):
    return run(
        "return [...document.querySelectorAll('#lanes li')].map((one) => [one.querySelector('.what').textContent,"
        " one.querySelector('.score').textContent])"
    )


def upload(browser, run, clip):
    browser.find_element("id", "file").send_keys(str(clip))
    wait_for(lambda: run("return !document.getElementById('work').hidden"))


def downloaded(downloads, pattern):
    def there():
        return [path for path in downloads.glob(pattern) if not path.name.endswith(".crdownload")]

    return wait_for(there, 60)[0]


def test_from_upload_to_download(browser, page, clip, downloads):
    run = page
    upload(browser, run, clip)
    assert run("return document.getElementById('name').textContent") == clip.name
    run("document.querySelectorAll('#trackers input')[1].click()")  # gray beside hog
    drag(browser, run, (40, 60), (88, 108))
    wait_for(lambda: [name for name, _ in lanes(run)] == ["1 hog", "1 gray"])
    assert [score for _, score in lanes(run)] == ["drawn", "drawn"]
    press(run, "play")
    wait_for(lambda: frame(run) == LENGTH - 1, 60)
    assert run("return document.getElementById('play').textContent") == "Play"
    assert all(re.fullmatch(r"\d\.\d\d", score) for _, score in lanes(run))
    for format, pattern in (("csv", "*-tracks.csv"), ("coco", "*-coco.json"), ("otb", "*-otb.zip")):
        run("document.getElementById('format').value = arguments[0]", format)
        browser.find_element(
            "id", "boxes"
        ).click()  # a user's click: Chromium stops a script's second download
        assert downloaded(downloads, pattern).stat().st_size
        wait_for(lambda: run("return !document.getElementById('boxes').disabled"))
    tracks = read_tracks(downloaded(downloads, "*-tracks.csv"), "csv")
    assert [track.name for track in tracks] == ["target1-hog", "target1-gray"]
    for track in tracks:
        assert track.frames.tolist() == list(range(LENGTH))
        np.testing.assert_allclose(track.bboxes[0], (40, 60, 48, 48), atol=1.5)  # a pointer's whole pixels
        np.testing.assert_allclose(track.bboxes[-1, :2], (73, 60), atol=3)
    browser.find_element("id", "video").click()
    frames = list(open_video(downloaded(downloads, "*-track.webm")))
    assert (len(frames), frames[0].shape) == (LENGTH, (180, 240, 3))


def test_a_box_is_corrected_by_dragging_and_going_on(browser, page, clip):
    run = page
    run("document.querySelector('#sources button').click()")
    wait_for(lambda: run("return !document.getElementById('work').hidden"))
    drag(browser, run, (100, 20), (140, 50))  # beside the target
    wait_for(lambda: lanes(run) == [["1 hog", "drawn"]])
    for number in (1, 2):
        press(run, "step")
        wait_for(lambda number=number: frame(run) == number)
    press(run, "back")
    wait_for(lambda: frame(run) == 1)
    run(
        "window.sent = []; const send = WebSocket.prototype.send;"
        "WebSocket.prototype.send = function (text) { sent.push(JSON.parse(text)); send.call(this, text); }"
    )
    shift = (43 + 24 - 120, 60 + 24 - 35)
    drag(browser, run, (120, 35), (120 + shift[0], 35 + shift[1]))  # its middle to the target's
    wait_for(lambda: lanes(run) == [["1 hog", "drawn"]])
    press(run, "forget")
    drag(browser, run, (67, 84), (67, 88))
    forgets = "return sent.filter((one) => one.do === 'correct').map((one) => one.forget)"
    wait_for(lambda: run(forgets) == [False, True])
    drag(browser, run, (67, 88), (67, 84))
    press(run, "play")
    wait_for(lambda: frame(run) == LENGTH - 1, 60)
    press(run, "response")  # off: the picture comes again without the map
    pixels = (
        "const stage = document.getElementById('stage'); const one = stage.getContext('2d').getImageData("
    )
    pixels += "0, 0, stage.width, stage.height).data; return new Set(one).size"
    assert run(pixels) > 50
    run("document.querySelector('#lanes button').click()")
    wait_for(lambda: lanes(run) == [])
    press(run, "leave")
    wait_for(lambda: run("return !document.getElementById('opening').hidden"))


def test_what_goes_wrong_is_said_on_the_page(browser, page, tmp_path):
    run = page
    (tmp_path / "notes.webm").write_text("no video at all, only words")
    browser.find_element("id", "file").send_keys(str(tmp_path / "notes.webm"))
    wait_for(lambda: "no video" in run("return document.getElementById('message').textContent"))
    complaints = browser.get_log("browser")  # the browser notes the refusal itself
    assert all("415" in entry["message"] for entry in complaints)


def test_a_reload_comes_back_to_the_session(browser, page, clip):
    run = page
    upload(browser, run, clip)
    press(run, "step")
    wait_for(lambda: frame(run) == 1)
    browser.refresh()
    wait_for(lambda: run("return !document.getElementById('work').hidden"))
    assert frame(run) == 1


@pytest.mark.parametrize("dark", ["light", "dark"])
def test_a_phones_width_cuts_nothing(browser, page, clip, dark):
    run = page
    size = {"width": 400, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": dark}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    try:
        upload(browser, run, clip)
        drag(browser, run, (40, 60), (88, 108))
        wait_for(lambda: len(lanes(run)) == 1)
        assert run("return document.documentElement.scrollWidth") == 400
        beyond = run(
            "const out = ({ right, left }) => right > 400.5 || left < -.5;"
            "return [...document.querySelectorAll('#work *')].filter((one) => one.checkVisibility() &&"
            " out(one.getBoundingClientRect())).map((one) => one.id)"
        )
        assert beyond == []
        low = run(
            "return [...document.querySelectorAll('#work button')].filter((one) => one.offsetHeight < 32).length"
        )
        assert low == 0
        colour = run("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", colour)[:3])) < 150) == (dark == "dark")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
