"""The report in a real browser, from disk: it loads without an error, sorts, opens a sequence, scrubs."""

import shutil
from functools import partial

import pytest

from experiments.__main__ import main
from tests.material.results_trees import TRUTHS, write_annotations, write_tracker
from tests.material.trees import make_otb

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=document.title='run'>"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1400,1000"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser():
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("the browser tests need chromium and chromedriver on the path")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The folders of a report without frames, of one with frames, and of the frames' dataset."""
    folder = tmp_path_factory.mktemp("reports")
    write_tracker(folder / "results", "exact")
    write_tracker(folder / "results", "beside", right=10)
    write_tracker(folder / "results", HOSTILE, right=30)
    for name, truth in TRUTHS.items():
        number = ".1" if name == "Jogging.1" else ".2" if name == "Human4" else ""
        lines = "".join(",".join(f"{value:g}" for value in row) + "\n" for row in truth)
        make_otb(
            folder / "data",
            name.partition(".")[0],
            len(truth),
            box_file=f"groundtruth_rect{number}.txt",
            boxes=lines,
        )
    roots = {"boxes": write_annotations(folder / "truth.json"), "frames": folder / "data"}
    for name, root in roots.items():
        arguments = ["report", str(folder / "results"), "--dataset=otb2015", f"--root={root}"]
        assert main([*arguments, f"--output={folder / name}"]) == 0
    return folder


@pytest.fixture
def page(browser, reports):
    """Open a report; afterwards nothing must have been complained about in the console."""

    def load(name):
        browser.get((reports / name / "report.html").as_uri())
        return partial(browser.execute_script)

    yield load
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    assert browser.title != "run"


def wait_for(condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(None, 10, poll_frequency=0.05).until(lambda _: condition())


def column(run, table, index):
    return run(
        "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]"
        ".map((row) => row.cells[arguments[1]].textContent)",
        table,
        index,
    )


def click(run, selector, text):
    """Click the first element of that text."""
    run(
        "[...document.querySelectorAll(arguments[0])].find((one) => one.textContent === arguments[1]).click()",
        selector,
        text,
    )


def open_sequence(run, name):
    click(run, "#sequences td button", name)
    wait_for(lambda: run("return document.getElementById('viewer').open && shown.name") == name)


def test_tables_and_charts_are_there(page):
    run = page("boxes")
    assert column(run, "overall", 0) == ["exact", "beside", HOSTILE]
    assert column(run, "overall", 1)[0].startswith("0.952")
    assert column(run, "speed", 1) == ["50.0"] * 3
    assert run("return document.querySelectorAll('#curves .main-svg').length") >= 3
    assert run("return document.querySelectorAll('#attributes .points path').length") == 6
    assert column(run, "differences", 3) == ["exact is better"] * 2 + ["beside is better"]


def test_headings_sort(page):
    run = page("boxes")
    click(run, "#sequences th button", "beside")
    down = column(run, "sequences", 3)
    assert down == sorted(down, reverse=True)
    click(run, "#sequences th button", "beside")
    assert column(run, "sequences", 3) == sorted(down)
    click(run, "#sequences th button", "sequence")
    assert column(run, "sequences", 0) == sorted(TRUTHS)


def test_metric_and_attribute_can_be_chosen(page):
    run = page("boxes")
    change = "const one = document.getElementById(arguments[0]); one.value = arguments[1]; "
    change += "one.dispatchEvent(new Event('change'))"
    run(change, "sequence-metric", "precision_20")
    assert column(run, "sequences", 2) == ["1.000"] * 3
    run(change, "sequence-attribute", "IV")
    assert column(run, "sequences", 0) == ["Jogging.1"]
    run(change, "attribute-metric", "ao")
    run(change, "difference-metric", "precision_20")
    assert column(run, "differences", 3)[0] == "undecided"


def test_a_sequence_without_frames(page):
    run = page("boxes")
    open_sequence(run, "Human4")
    assert (
        run("return document.getElementById('viewer-note').textContent") == "boxes only: there are no frames"
    )
    assert not run("return document.getElementById('full-label').checkVisibility()")
    assert run("return document.querySelectorAll('#overlap-chart .scatterlayer .trace').length") == 3
    scrub = (
        "const one = document.getElementById('scrub'); one.value = 12; one.dispatchEvent(new Event('input'))"
    )
    run(scrub)
    assert run("return document.getElementById('frame').value") == "13 of 40"
    cursor = run("return document.getElementById('overlap-chart').layout.shapes[0].x0")
    assert cursor == 13
    pixels = "return new Set(document.getElementById('canvas').getContext('2d')"
    pixels += ".getImageData(0, 0, 400, 400).data).size"
    assert run(pixels) > 3


def test_the_first_failure_is_a_click_away(page):
    run = page("boxes")
    open_sequence(run, "Basketball")  # 30 pixels to the right of a box 20 wide
    click(run, "#legend button", "first failure: frame 2")
    assert run("return document.getElementById('frame').value") == "2 of 30"
    never = run(
        "return [...document.querySelectorAll('#legend button')].filter((one) => one.disabled).length"
    )
    assert never == 2


def test_frames_small_and_full(page, reports):
    run = page("frames")
    open_sequence(run, "Basketball")
    wait_for(lambda: run("return shown.image?.src.endsWith('/0.jpg')"))
    run(
        "document.getElementById('viewer').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }))"
    )
    wait_for(lambda: run("return shown.image?.src.endsWith('/1.jpg')"))
    run("document.getElementById('full').click()")
    wait_for(lambda: run("return shown.image?.src.endsWith('/data/Basketball/img/0002.jpg')"))
    assert run("return document.getElementById('canvas').width") == 64
    run("document.getElementById('viewer-close').click()")
    assert not run("return document.getElementById('viewer').open")


def test_it_plays(page):
    run = page("frames")
    open_sequence(run, "Human4")
    run("document.getElementById('play').click()")
    wait_for(lambda: run("return shown.frame") > 3)
    run("document.getElementById('play').click()")
    assert run("return document.getElementById('play').textContent") == "Play"
