"""The comparison of losses: its search, its resume, its tables, its page, and one small run of it all."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from data.datasets.otb import write_otb
from data.synthetic.sequence import synthetic_sequence
from experiments.__main__ import main
from experiments.compare.clips import FOLD, clips_at, first_bbox, place_clips
from experiments.compare.figures import styles
from experiments.compare.measures import Peaks, decode_map, encode_map
from experiments.compare.page import TEMPLATE
from experiments.compare.plan import Unit, best_factors, final_units, parse_losses, search_units
from experiments.compare.run import Comparison, Done, Remaining, work
from experiments.compare.settings import Budget, ComparisonSettings, OnlineSettings, Place
from experiments.compare.tables import course_of, hardest, markdown, summarise
from experiments.drawing.pages import write_page
from experiments.scoring.bootstrap import RESAMPLES
from experiments.trackers.online_loss import ResponseLoss
from experiments.train.settings import DataSettings, TrainingSettings
from losses import build_loss

LOSSES = {"l2": {"name": "l2"}, "shrinkage:c=0.1": {"name": "shrinkage", "c": 0.1}}
SETTINGS = ComparisonSettings(
    train=TrainingSettings(),
    validation=Place(()),
    test=Place(()),
    budget=Budget(steps=4),
    factors=(0.5, 1.0, 2.0),
)


def engine_that(counts):
    """Does units at once: the best rate of l2 is half of the base's, that of the other twice."""

    def run(units, settings):
        for unit in units:
            counts.append(unit.name)
            wanted = 0.5 if unit.label == "l2" else 2.0
            yield Done(unit, {"score": -(np.log(unit.factor / wanted) ** 2), "rate": unit.factor})

    return run


class TestPlan:
    def test_the_search_finds_the_best_of_a_known_function(self):
        units = search_units(["offline", "online"], LOSSES, [0.3, 1.0, 3.0])
        results = [(unit, {"score": -abs(unit.factor - 3.0)}) for unit in units]
        assert set(best_factors(results).values()) == {3.0}
        assert len(best_factors(results)) == 4

    def test_of_equal_rates_the_usual_one_is_taken(self):
        units = search_units(["online"], {"l2": {"name": "l2"}}, [0.3, 1.0, 3.0])
        assert best_factors((unit, {"score": 0.5}) for unit in units) == {("online", "l2"): 1.0}

    def test_one_seed_is_finished_before_the_next_begins(self):
        units = final_units({("offline", "l2"): 1.0, ("offline", "shrinkage:c=0.1"): 2.0}, LOSSES, 2)
        assert [(unit.seed, unit.factor) for unit in units] == [(0, 1.0), (0, 2.0), (1, 1.0), (1, 2.0)]

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (["l2", "l2"], "different losses"),
            (["l22"], "l2"),
            (["ce"], "takes class logits"),
            (["shrinkage:c"], "NAME:ARGUMENT=VALUE"),
            (["shrinkage:a=1,c=2", "shrinkage:a=1_c=2"], "c"),
        ],
    )
    def test_wrong_losses_are_refused(self, texts, message):
        with pytest.raises((ValueError, TypeError), match=message):
            parse_losses(texts)

    def test_names_of_files_hold_no_separators(self):
        unit = Unit("offline", "final", "../x:a=1", {}, 0, 1.0)
        assert "/" not in unit.name
        assert ":" not in unit.name


class TestRun:
    def test_what_is_done_is_not_done_again(self, tmp_path):
        first, second = [], []
        for counts in (first, second):
            comparison = Comparison(tmp_path, SETTINGS, ["offline"], LOSSES, 2)
            comparison.claim(overwrite=False)
            results = comparison.run(engine_that(counts))
        assert len(first) == 2 * 3 + 2 * 2
        assert second == []
        assert [run["factor"] for run in results["offline", "l2"]] == [0.5, 0.5]
        assert [run["factor"] for run in results["offline", "shrinkage:c=0.1"]] == [2.0, 2.0]

    def test_more_losses_and_seeds_may_come_later(self, tmp_path):
        few, more = [], []
        for counts, losses, seeds in ((few, {"l2": {"name": "l2"}}, 1), (more, LOSSES, 2)):
            comparison = Comparison(tmp_path, SETTINGS, ["online"], losses, seeds)
            comparison.claim(overwrite=False)
            comparison.run(engine_that(counts))
        assert len(few) == 3 + 1
        assert len(more) == 3 + 1 + 2

    def test_other_settings_are_refused_unless_it_is_overwritten(self, tmp_path):
        comparison = Comparison(tmp_path, SETTINGS, ["offline"], LOSSES, 1)
        comparison.claim(overwrite=False)
        comparison.run(engine_that([]))
        other = Comparison(tmp_path, replace(SETTINGS, budget=Budget(steps=5)), ["offline"], LOSSES, 1)
        with pytest.raises(ValueError, match=r"budget.steps was 4 and is 5"):
            other.claim(overwrite=False)
        other.claim(overwrite=True)
        counts = []
        other.run(engine_that(counts))
        assert len(counts) == 8

    def test_other_weights_under_the_same_name_are_refused(self, tmp_path):
        weights = tmp_path / "w.npz"
        chosen = replace(SETTINGS, online=OnlineSettings(weights=str(weights)))
        weights.write_bytes(b"first")
        Comparison(tmp_path / "out", chosen, ["online"], LOSSES, 1).claim(overwrite=False)
        Comparison(tmp_path / "out", chosen, ["online"], LOSSES, 1).claim(overwrite=False)
        weights.write_bytes(b"other")
        again = Comparison(tmp_path / "out", chosen, ["online"], LOSSES, 1)
        with pytest.raises(ValueError, match=r"made with other weights \(w.npz\) than there are now"):
            again.claim(overwrite=False)
        again.claim(overwrite=True)

    def test_results_are_shown_after_each_seed_and_the_count_is_of_all_runs(self, tmp_path, capsys):
        comparison = Comparison(tmp_path, SETTINGS, ["offline", "online"], LOSSES, 3)
        comparison.claim(overwrite=False)
        shown = []
        comparison.run(
            engine_that([]), lambda found, missing: shown.append(([*map(len, found.values())], missing))
        )
        assert shown == [([1] * 4, 8), ([2] * 4, 4)]
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == [f"{number}/24" for number in range(1, 25)]
        assert lines[-1].endswith("left 0:00:00")

    def test_a_unit_that_failed_is_tried_again(self, tmp_path):
        def broken(units, settings):
            for unit in units:
                failed = unit.phase == "final" and unit.label == "l2"
                yield Done(unit, None, "broken") if failed else Done(unit, {"score": 0.0, "rate": 1.0})

        comparison = Comparison(tmp_path, SETTINGS, ["offline"], LOSSES, 1)
        comparison.claim(overwrite=False)
        assert ("offline", "l2") not in comparison.run(broken)
        assert comparison.failed == ["offline-final-l2-seed0"]
        again = []
        comparison.run(engine_that(again))
        assert again == ["offline-final-l2-seed0"]


def sources(root):
    return DataSettings(sources=(f"folder:{root}",))


class TestClips:
    @pytest.fixture
    def root(self, tmp_path):
        for number in range(5):
            write_otb(synthetic_sequence(number, 3, (64, 48)), tmp_path / "clips" / f"clip{number}", ".jpg")
        return tmp_path / "clips"

    def test_part_of_the_training_clips_choose_the_rates(self, root, tmp_path):
        validation, test = place_clips(sources(root), [], [], tmp_path / "made")
        assert validation.names == tuple(f"clip{number}" for number in range(0, 5, FOLD))
        chosen = {clip.paths[0] for clip in clips_at(validation)}
        assert not chosen & {clip.paths[0] for clip in clips_at(test)}

    def test_a_test_clip_must_not_choose_the_rates(self, root, tmp_path):
        with pytest.raises(ValueError, match="must not choose the rates, but clip0, clip4 do"):
            place_clips(sources(root), [], [f"folder:{root}"], tmp_path / "made")

    def test_a_test_clip_must_not_be_trained_on(self, root, tmp_path):
        for name, place in (("clip1", "test"), ("clip2", "validation")):
            shutil.copytree(root / name, tmp_path / place / "other")
        places = [[f"folder:{tmp_path / place}"] for place in ("validation", "test")]
        with pytest.raises(ValueError, match="must not be trained on, but other are among the sources"):
            place_clips(sources(root), *places, tmp_path / "made")

    def test_seeds_start_from_different_boxes(self, root):
        clip = clips_at(Place((f"folder:{root}",)))[0]
        image = next(iter(clip.frames()))
        boxes = [tuple(first_bbox(clip, image, seed)) for seed in range(4)]
        assert boxes[0] == tuple(clip.bboxes[0])
        assert len(set(boxes)) == 4


class TestTimeLeft:
    def test_each_stage_has_its_own_pace(self, monkeypatch):
        clock = iter([0.0, 10.0, 12.0])
        monkeypatch.setattr("experiments.compare.run.time.perf_counter", lambda: next(clock))
        remaining = Remaining({"offline": 300, "online": 40})
        assert remaining.done("offline", 100) == pytest.approx(
            200 * 0.1 + 40 * 0.1
        )  # of one nothing is known
        assert remaining.done("online", 10) == pytest.approx(200 * 0.1 + 30 * 0.2)

    def test_a_final_run_is_longer_than_one_of_the_search(self):
        budget, clips = Budget(), {"validation": 6, "test": 6}
        search, final = (
            work(Unit("offline", phase, "l2", {}, 0, 1.0), budget, clips) for phase in ("search", "final")
        )
        assert (search, final) == (100 * 16 + 40 * 6 + 1, 300 * 16 + 200 * 6 + 1)


class TestMeasures:
    def test_distance_and_hit_of_known_peaks(self):
        boxes = np.array([[10, 10, 9, 4], [10, 10, 9, 4], [10, 10, 9, 4]], float)  # centre (14, 11.5)
        peaks = Peaks.of([[14, 11.5], [18.4, 11.5], [14, 14.5]], boxes)
        assert peaks.distance == pytest.approx([0, 4.4 / 6, 3 / 6])
        assert peaks.hit.tolist() == [True, True, False]

    def test_a_map_survives_as_text(self):
        response = np.random.default_rng(0).uniform(-3, 4, (5, 7)).astype(np.float32)
        read = decode_map(json.loads(json.dumps(encode_map(response))))
        assert read == pytest.approx(np.clip(response / response.max(), -1, 1), abs=0.006)

    def test_a_regression_loss_is_passed_on_and_logits_are_made_for_the_others(self):
        response, label = torch.rand(2, 1, 5, 5), torch.rand(2, 1, 5, 5)
        own = ResponseLoss(build_loss("l2", reduction="none"))(response, label)
        assert own.item() == pytest.approx(((response - label) ** 2).sum().item(), rel=1e-5)
        logits, density = 10 * response, label / label.sum((2, 3), keepdim=True)
        expected = -(density * logits.flatten(1).log_softmax(1).view_as(logits)).sum()
        spatial = ResponseLoss(build_loss("spatial-ce", reduction="none"))(response, label)
        assert spatial.item() == pytest.approx(expected.item(), rel=1e-5)
        soft = label / label.amax((2, 3), keepdim=True)
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logits - 5, soft, reduction="sum")
        binary = ResponseLoss(build_loss("bce", reduction="none"))(response, label)
        assert binary.item() == pytest.approx(expected.item(), rel=1e-5)


def results_of(values):
    """Runs with these values ``(seeds, clips)`` for every metric, labels mapped to them."""
    return {
        label: [
            {
                "rate": 0.1,
                "factor": 1.0,
                "search": {"0.5": 0, "1.0": 1, "2.0": 0},
                "clips": {
                    f"clip{clip}": {"success_auc": value, "precision_20": value, "ao": value}
                    for clip, value in enumerate(row)
                },
                "course": [
                    {"step": 1, "seconds": 0.5, "peak_distance": row[0], "hit_rate": 1.0},
                    {"step": 2, "seconds": 1.0, "peak_distance": row[0] / 2, "hit_rate": 1.0},
                ],
                "probes": {"distance": list(row)},
            }
            for row in table
        ]
        for label, table in values.items()
    }


DRAW = np.random.default_rng(3)
VALUES = {"shrinkage": DRAW.uniform(size=(3, 8)), "l2": DRAW.uniform(size=(3, 8))}


class TestTables:
    def test_paired_differences_and_intervals_are_numpys(self):
        rows = {row["label"]: row for row in summarise(results_of(VALUES))}
        difference = VALUES["shrinkage"].mean(0) - VALUES["l2"].mean(0)
        entry = rows["shrinkage"]["ao"]
        assert entry["difference"] == pytest.approx(difference.mean())
        assert rows["l2"]["ao"]["difference"] is None
        # Another generator and another way to draw: the ends agree up to the draws' own noise.
        draws = np.random.default_rng(11).integers(8, size=(20 * RESAMPLES, 8))
        ends = np.quantile(difference[draws].mean(1), [0.025, 0.975])
        assert entry["difference_interval"] == pytest.approx(ends, abs=0.02)
        assert entry["spread"] == pytest.approx(np.std(VALUES["shrinkage"].mean(1), ddof=1))

    def test_a_rate_at_the_edge_of_the_search_is_marked(self):
        results = results_of(VALUES)
        for run in results["l2"]:
            run["factor"] = 2.0
        rows = {row["label"]: row for row in summarise(results)}
        assert rows["l2"]["at_edge"]
        assert not rows["shrinkage"]["at_edge"]
        assert "0.1*" in markdown(list(rows.values()))

    def test_courses_and_hard_frames(self):
        results = results_of(VALUES)
        course = course_of(results["l2"], "peak_distance")
        assert course["mean"] == pytest.approx([VALUES["l2"][:, 0].mean(), VALUES["l2"][:, 0].mean() / 2])
        mean = np.concatenate(list(VALUES.values())).mean(0)
        assert hardest(results, 3) == list(np.argsort(-mean)[:3])


def test_losses_are_told_apart_by_more_than_colour():
    found = styles(
        ["l2", "l3", "shrinkage", "focal-regression", "ghm-r", "spatial-ce", "quality-focal", "l2:x=1"]
    )
    assert len({style["color"] for style in found.values()}) == 8
    assert len({(str(style["linestyle"]), style["marker"]) for style in found.values()}) == 8


def test_the_page_escapes_names(tmp_path):
    rows = summarise(results_of({"<b>l2</b>": np.ones((1, 3))}))
    section = {"stage": "online", "title": "T", "rows": rows, "plots": [], "reference": "<b>l2</b>"}
    write_page(
        tmp_path / "index.html",
        TEMPLATE,
        sections=[section],
        metrics={"ao": "AO"},
        missing=2,
        machines=["m"],
        commits=["c"],
        versions={"commit": "c"},
        clips={"validation": {"<i>": 3}, "test": {"x": 2}},
        settings={"budget": {}, "factors": [1.0], "train": {"data": {"sources": []}}, "online": {}},
    )
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "&lt;b&gt;l2&lt;/b&gt;" in page
    assert "<b>l2" not in page
    assert "<i>" not in page
    assert "Not finished: 2 runs are still to come" in page


@pytest.mark.slow
def test_a_small_comparison_from_the_command_line(tmp_path, capsys):
    options = ["--losses", "l2", "shrinkage", "--seeds", "1", "--quick", "--steps", "4", "--frames", "3"]
    command = ["compare", *options, "--workers", "1", "--output", str(tmp_path / "out")]
    assert main(command) == 0
    record = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    for stage in ("offline", "online"):
        rows = {row["label"]: row for row in record["stages"][stage]["table"]}
        assert rows.keys() == {"l2", "shrinkage"}
        assert 0 < rows["l2"]["ao"]["mean"] <= 1
        assert all(0 < ao <= 1 for ao in record["stages"][stage]["courses"]["l2"]["ao"]["mean"])
        background = record["stages"][stage]["easy_background"]
        assert background["shrinkage"][0][0]["share"] < background["l2"][0][0]["share"]
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert all(
        (tmp_path / "out" / f"{name}.svg").is_file() for name in ("offline-convergence", "online-hard-frames")
    )
    assert "offline-easy-background.svg" in page
    capsys.readouterr()
    assert main(command) == 0
    assert "16 of 16 runs are done already" in capsys.readouterr().out
    assert main([*command, "--frames", "4"]) == 2
    assert "budget.frames was 3 and is 4" in capsys.readouterr().err
