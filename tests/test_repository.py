"""What stands beside the code: version, changelog, citation, hooks, templates."""

import re
from pathlib import Path

import pytest
import yaml

import experiments
from data.files import sha256_of
from experiments.__main__ import main
from experiments.trackers.peers import OPENCV
from losses import list_losses
from tracker import list_trackers

ROOT = Path(__file__).resolve().parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
TYPES = {"article", "book", "conference-paper", "generic"}
"""Those of the Citation File Format that are used here."""


def test_one_version():
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest, "CHANGELOG.md has no entry `## VERSION, date`"
    assert newest[1] == experiments.__version__ == CITATION["version"]


def test_the_command_line_says_its_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{experiments.__version__}\n"


def test_the_citation_has_what_its_format_requires():
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    assert all(CITATION[key] for key in ("message", "title", "authors"))
    for paper in CITATION["references"]:
        assert paper["type"] in TYPES, paper
        assert paper["title"], paper
        assert all({"family-names", "given-names"} == set(author) for author in paper["authors"]), paper
        assert 1950 < paper["year"] < 2100, paper
    titles = [paper["title"] for paper in CITATION["references"]]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("path", sorted((ROOT / "losses").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_loss_is_taken_from_is_cited(path):
    titles = [paper["title"].lower() for paper in CITATION["references"]]
    for cited in re.findall(r'Reference:[^"\n]*"([^"]+)"', path.read_text()):
        cited = " ".join(cited.lower().split())
        assert any(title.startswith(cited) for title in titles), f"CITATION.cff has no reference {cited!r}"


def test_every_loss_that_the_citation_names_exists():
    found = [
        name
        for paper in CITATION["references"]
        for names in re.findall(r"\bloss(?:es)? ([a-z0-9, -]+)", paper["notes"])
        for name in re.split(r", | and ", names)
    ]
    named = {name.split(" ")[0] for name in found}
    assert len(named) > 15
    assert named <= set(list_losses())


def test_hooks_are_local_and_run_what_lint_runs():
    """The hooks' own versions would drift from those of constraints.txt."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert all(hook["language"] == "system" for hook in hooks[0]["hooks"])
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    tools = {" ".join(re.findall(r"(?:ruff (?:check|format)|mypy)", line)) for line in lint.splitlines()} - {
        ""
    }
    entries = {re.search(r"ruff (?:check|format)|mypy", hook["entry"])[0] for hook in hooks[0]["hooks"]}
    assert entries == tools


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem
)
def test_issue_templates_are_well_formed(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert form["blank_issues_enabled"] is True
        return
    assert form["name"]
    assert form["description"]
    assert all(field["type"] in {"textarea", "input", "markdown"} for field in form["body"])
    assert len({field["id"] for field in form["body"]}) == len(form["body"])
    assert all(field["attributes"]["label"] for field in form["body"])


def test_the_model_zoo_states_the_hash_of_every_file_that_ships():
    page = (ROOT / "docs" / "model-zoo.md").read_text()
    stated = dict(re.findall(r"\| `(tracker/weights/\S+)` \| `([0-9a-f]{64})` \|", page))
    shipped = [
        path.relative_to(ROOT).as_posix() for path in (ROOT / "tracker" / "weights").glob("*.safetensors")
    ]
    assert stated == {name: sha256_of(ROOT / name) for name in shipped}


def test_the_model_zoo_lists_every_tracker():
    page = (ROOT / "docs" / "model-zoo.md").read_text().partition("| file |")[0]
    assert {name for name in (*list_trackers(), *OPENCV) if f"`{name}`" not in page} == set()
