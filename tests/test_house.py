"""The rules of docs/design.md that a machine can check: imports, sizes, names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("losses", "data", "tracker", "experiments")
ALLOWED = {
    "losses": {"losses"},
    "data": {"data"},
    "tracker": {"tracker", "data"},
    "experiments": {"experiments", "losses", "data", "tracker"},
}
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    """Absolute dotted names that a file imports; relative imports are resolved."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_only_what_the_layout_allows(path):
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imported_modules(path)} & {*PACKAGES, "tests"}
    assert ours <= ALLOWED[package], f"{path} imports {ours - ALLOWED[package]}"


def test_no_import_cycle():
    modules = {}
    for path in SOURCES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {
        name: {m for m in imported_modules(path) if m in modules} - {name} for name, path in modules.items()
    }
    while leaves := [name for name, needs in graph.items() if not needs & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"these modules import one another in a circle: {sorted(graph)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small_enough_to_read(path):
    text = path.read_text()
    assert text.count("\n") <= 400, f"{path} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_no_file_is_a_drawer():
    assert not {path.stem for path in SOURCES} & {"utils", "helpers", "misc", "common"}


def test_importing_the_tracker_loads_nothing_heavy():
    code = "import sys, tracker; print([m for m in ('matplotlib', 'got10k', 'scipy') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_need_no_heavy_import(flag):
    """Under a second is asked of the machine; what makes it so is that neither torch nor cv2 is loaded."""
    code = (
        f"import sys\nsys.argv = ['experiments', '{flag}']\n"
        "from experiments.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('loaded', [m for m in ('torch', 'cv2', 'matplotlib', 'got10k') if m in sys.modules])"
    )
    assert "loaded []" in subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
