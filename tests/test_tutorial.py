"""The notebook runs from its first cell to its last, in a kernel of its own, and shows what it promises."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), (
        "outputs do not belong into the repository"
    )
    settings = notebook.cells[1]
    settings.source = settings.source.replace("STEPS = 120", "STEPS = 4")
    settings.source = settings.source.replace('Path("runs/notebook")', f"Path({str(tmp_path / 'runs')!r})")
    assert "STEPS = 4" in settings.source
    assert str(tmp_path) in settings.source
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    nbclient.NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": ROOT / "docs"}}
    ).execute()
    kinds = {
        kind for cell in notebook.cells for one in cell.get("outputs", ()) for kind in one.get("data", ())
    }
    assert {"image/png", "text/html", "text/markdown"} <= kinds
    assert (tmp_path / "runs" / "report" / "report.html").is_file()
