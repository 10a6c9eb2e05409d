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


COMMANDS = (
    *("benchmark", "check", "compare", "demo", "export", "losses", "prepare"),
    *("report", "serve", "track", "train", "vot"),
)
MAY_TRAIN = ("check", "compare", "demo", "prepare", "speed")
MAY_REPORT = ("demo",)  # which shows what the others do, one after another
ON_THE_FLOOR = {"__init__.py", "__main__.py", "command.py", "config_file.py"}

# What breaks a rule today. These tables may only shrink: a line that no longer holds fails too.
FACES_WITH_CODE: set[str] = set()
FACE = ("__all__", "__all__, __getattr__")  # names that are there, or that are imported when asked for
WITHOUT_A_TEST_FILE = set((ROOT / "tests/without_a_test_file.txt").read_text().split())
MISPLACED_TESTS: set[str] = set()


def reaching() -> set[str]:
    """Imports of a command's modules from outside its folder; `train` is open to those who train or read its data."""
    found = set()
    for path in (ROOT / "experiments").rglob("*.py"):
        here = path.relative_to(ROOT / "experiments").parts[0]
        for name in imported_modules(path):
            there = (name.split(".") + [""])[1] if name.startswith("experiments.") else ""
            is_downward = (there == "train" and here in MAY_TRAIN) or (
                there == "report" and here in MAY_REPORT
            )
            if there in COMMANDS and there != here and path.name != "__main__.py" and not is_downward:
                found.add(f"{path.relative_to(ROOT)} imports {name}")
    return found


def doubled_classes() -> set[str]:
    """Names of public classes that more than one file defines."""
    names = [
        node.name
        for path in SOURCES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    return {name for name in names if names.count(name) > 1}


def faces_with_code() -> set[str]:
    """Faces that hold more than a docstring, imports and plain assignments to dunder names."""
    found = set()
    for path in SOURCES:
        if (
            path.name != "__init__.py" or path == ROOT / "experiments/__init__.py"
        ):  # it checks what was imported
            continue
        for node in ast.parse(path.read_text()).body:
            words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            dunder = isinstance(node, ast.Assign) and all(
                ast.unparse(t).strip("()") in FACE for t in node.targets
            )
            if not (words or dunder or isinstance(node, ast.Import | ast.ImportFrom)):
                found.add(str(path.relative_to(ROOT)))
    return found


def untested() -> set[str]:
    """Source files that are no face and have no test file of their path."""
    return {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.name not in ("__init__.py", "__main__.py")
        and not (ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}")).is_file()
    }


def misplaced() -> set[str]:
    """Test files named after a source file that lies in another folder; other names are tests of parts together."""
    stems: dict[str, set[Path]] = {}
    for path in SOURCES:
        stems.setdefault(path.stem, set()).add(path.parent.relative_to(ROOT))
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if (places := stems.get(path.stem.removeprefix("test_")))
        and path.parent.relative_to(ROOT / "tests") not in places
    }


@pytest.mark.parametrize(
    ("rule", "known"),
    [
        (reaching, set()),
        (doubled_classes, set()),
        (faces_with_code, FACES_WITH_CODE),
        (untested, WITHOUT_A_TEST_FILE),
        (misplaced, MISPLACED_TESTS),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_layout_keeps_its_rules_and_the_tables_of_exceptions_only_shrink(rule, known):
    found = rule()
    assert not found - known, f"new: {sorted(found - known)}; the rule: {rule.__doc__}"
    assert not known - found, f"mended, so take it off the table: {sorted(known - found)}"


def test_a_command_is_a_folder():
    files = {path.name for path in (ROOT / "experiments").glob("*.py")}
    assert files == ON_THE_FLOOR
    for command in COMMANDS:
        assert (ROOT / "experiments" / command / "command.py").is_file(), command
