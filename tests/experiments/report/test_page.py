"""The report in a real browser, from disk: it loads without an error, sorts, opens a sequence, scrubs."""

import json
import re
from functools import partial

import pytest

from experiments.__main__ import main
from tests.material.pages import open_chromium, wait_for
from tests.material.results_trees import TRUTHS, write_annotations, write_tracker
from tests.material.trees import make_otb

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=document.title='run'>"


@pytest.fixture(scope="module")
def browser():
    opened = open_chromium()
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The folders of a report without frames, of one with frames, and of the frames' dataset."""
    folder = tmp_path_factory.mktemp("reports")
    about = {"versions": {"commit": "abc1234"}, "date": "2026-11-27", "machine": "a machine", "device": "cpu"}
    record = write_tracker(folder / "results", "exact") / "run.json"
    record.write_text(json.dumps({"version": 1, "data": {"sequences": {}}, **about}))
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
    assert column(run, "differences", 0) == ["exact", "beside", HOSTILE]
    against_exact = column(run, "differences", 1)
    assert against_exact[0] == ""
    assert all(text.startswith("-0.") for text in against_exact[1:])
    values = [[float(text.split("[")[0] or 0) for text in column(run, "differences", i)] for i in (1, 2, 3)]
    assert values[1][0] == pytest.approx(-values[0][1])  # the row's minus the column's
    assert run("return document.querySelectorAll('#differences .decided').length") == 6
    assert "Only 3 sequences" in run("return document.getElementById('few').textContent")


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
    assert column(run, "differences", 2)[0].startswith("0.000")
    assert run("return document.querySelector('#differences .decided')?.textContent ?? ''").startswith("0.")


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


def address(run):
    return run("return location.hash")


def test_every_view_has_a_link_and_back_goes_to_the_one_before(page, browser):
    run = page("boxes")
    change = "const one = document.getElementById(arguments[0]); one.value = arguments[1]; "
    change += "one.dispatchEvent(new Event('change'))"
    run(change, "sequence-metric", "ao")
    open_sequence(run, "Human4")
    run("goTo(12)")
    wait_for(lambda: "frame=13" in address(run))
    link = run("return location.href")
    run("document.getElementById('viewer-next').click()")
    wait_for(lambda: run("return shown.name") != "Human4")
    browser.back()
    wait_for(lambda: run("return document.getElementById('viewer').open && shown.name") == "Human4")
    browser.back()
    wait_for(lambda: not run("return document.getElementById('viewer').open"))
    assert address(run) == "#sequence-metric=ao"
    browser.back()
    wait_for(lambda: run("return document.getElementById('sequence-metric').value") == "success_auc")
    browser.get("about:blank")
    browser.get(link)
    wait_for(lambda: run("return shown?.name") == "Human4")
    assert run("return shown.frame") == 12
    assert run("return document.getElementById('sequence-metric').value") == "ao"


def test_keys_play_and_change_the_sequence(page):
    run = page("boxes")
    open_sequence(run, "Basketball")
    key = "document.getElementById('scrub').dispatchEvent(new KeyboardEvent('keydown', "
    key += "{ key: arguments[0], bubbles: true }))"
    run(key, " ")
    wait_for(lambda: run("return shown.frame") > 1)
    run(key, " ")
    assert run("return document.getElementById('play').textContent") == "Play"
    listed = column(run, "sequences", 0)
    run(key, "PageDown")
    following = listed[listed.index("Basketball") + 1]
    wait_for(lambda: run("return shown.name") == following)
    run(key, "PageUp")
    wait_for(lambda: run("return shown.name") == "Basketball")


def test_student_s_t_can_be_chosen_for_few_sequences(page):
    run = page("boxes")
    before = column(run, "differences", 3)
    run(
        "const one = document.getElementById('difference-interval'); one.value = 'student';"
        "one.dispatchEvent(new Event('change'))"
    )
    assert run("return document.getElementById('few').hidden")
    assert column(run, "differences", 3) != before


def test_what_short_names_mean_and_where_the_files_are(page, reports):
    run = page("boxes")
    assert run("return document.querySelector('#sequences abbr').title") in (
        "occlusion",
        "illumination variation",
    )
    files = run("return [...document.querySelectorAll('section a')].map((one) => one.getAttribute('href'))")
    assert {"report.csv", "report.json", "report.md", "report.tex", "plots/success.png"} <= set(files)
    assert all((reports / "boxes" / file).is_file() for file in files)
    made = run("return document.querySelector('dl').textContent")
    assert f"commandpython -m experiments report {reports / 'results'} --dataset=otb2015" in made
    assert "exactcommit abc1234, 2026-11-27, a machine, cpu" in made


def test_a_name_is_searched_for_and_the_search_has_a_link(page):
    run = page("boxes")
    type_in = (
        "const one = document.getElementById('sequence-name'); one.value = arguments[0];"
        "for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind))"
    )
    run(type_in, "HUM")
    assert column(run, "sequences", 0) == ["Human4"]
    assert "sequence-name=HUM" in run("return location.hash")
    run("history.back()")
    wait_for(lambda: len(column(run, "sequences", 0)) == 3)
    assert run("return document.getElementById('sequence-name').value") == ""


def test_a_dark_screen_and_a_narrow_one(page, browser):
    run = page("boxes")
    try:
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        )
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True},
        )
        colours = run("const one = getComputedStyle(document.body); return [one.color, one.backgroundColor]")
        text, background = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
        assert text > 600
        assert background < 150
        axis = run("return document.querySelector('#curves .js-plotly-plot').layout.font.color")
        assert axis == "#e4e8ec"
        assert run("return document.documentElement.scrollWidth") <= 400
        first = "return document.querySelector('#sequences td').getBoundingClientRect().left"
        before = run(first)
        run("document.getElementById('sequences').scrollLeft = 200")
        assert run(first) == before  # names stay in view
        open_sequence(run, "Human4")
        assert run("return document.getElementById('viewer').scrollWidth") <= 400
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_plays(page):
    run = page("frames")
    open_sequence(run, "Human4")
    run("document.getElementById('play').click()")
    wait_for(lambda: run("return shown.frame") > 3)
    run("document.getElementById('play').click()")
    assert run("return document.getElementById('play').textContent") == "Play"
