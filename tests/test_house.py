"""The rooms of the house: which may import which, no circle between files, and that they are ours."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cam
import datasets
from datasets.names import DEFAULT
from reports.runs.run import NEGATED, RUNGS
from weights.classes import CLASSES

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "datasets": set(),
    "weights": set(),
    "cam": set(),
    "metrics": {"cam"},
    "reports": {"metrics"},
    "bench": {"datasets", "weights", "cam", "metrics", "reports"},
}
# Inside a room, from the ground up: a file imports from its own floor and those below. "": files of no floor.
FLOORS = {
    "reports": ("", "runs", "tables", "figures", "pages", "__init__"),
    "bench": (
        "",
        "process",
        "engine",
        "run",
        "studies",
        "training",
        "scenes",
        "nights",
        "timing",
        "library",
        "networks",
        "commands",
        "cli",
        "__init__",
    ),
}
# Where the classes are cats and dogs; everywhere else they are the names that the network and the data set give.
CATS_AND_DOGS = {
    "datasets.names": "the names of whoever says nothing else, and the words for their young in the names of files",
    "datasets.synthetic.anatomy": "how each is drawn",
    "datasets.synthetic.factors": "the colours of the shortcut",
    "weights.classes": "the names of whoever says nothing else, and their plurals",
    "weights.groups": "ImageNet's outputs of each",
}
UPWARD = {"bench.__main__"}  # it is the command


def modules(room: str) -> dict[str, Path]:
    """Every file of a room by its dotted name; a package by the name of its `__init__`."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    return {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}


@cache
def imported(file: Path) -> frozenset[str]:
    """Dotted names that a file imports, anywhere in it; of `from a import b` both a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def arrows(room: str) -> dict[str, set[str]]:
    """File to the files of the same room that it imports."""
    files = modules(room)
    packages = {name.removesuffix(".__init__"): name for name in files if name.endswith(".__init__")}
    found = {}
    for name, file in files.items():
        wanted = imported(file)
        submodules = {target for target in wanted if target in files}
        through = {packages[target] for target in wanted if target in packages and target not in files}
        # `from package import module` needs the module alone, whatever else the package's own file does
        bare = {p for p in through if any(t.startswith(f"{p.removesuffix('.__init__')}.") for t in submodules)}
        named = {t for t in wanted if t.rpartition(".")[0] in packages and t not in files and t not in packages}
        kept = (through - bare) | {packages[t.rpartition(".")[0]] for t in named}
        found[name] = (submodules | kept) - {name}
    return found


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_flow_in_one_direction(room):
    for name, file in modules(room).items():
        rooms = {target.partition(".")[0] for target in imported(file)} & set(MAY_IMPORT)
        assert rooms <= MAY_IMPORT[room] | {room}, f"{name} imports {rooms - MAY_IMPORT[room] - {room}}"


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_files_form_no_circle(room):
    try:
        tuple(TopologicalSorter(arrows(room)).static_order())
    except CycleError as error:
        pytest.fail(f"files of {room} import each other in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("room", sorted(FLOORS))
def test_no_file_imports_from_a_floor_above(room):
    order = {floor: place for place, floor in enumerate(FLOORS[room])}

    def floor(name: str) -> int:
        first = name.split(".")[1]
        return order.get(first, order[""])

    assert {name for name in order if name} <= {name.split(".")[1] for name in modules(room)}
    upward = [
        f"{name} imports {target}"
        for name, targets in arrows(room).items()
        for target in targets
        if floor(target) > floor(name) and name not in UPWARD
    ]
    assert not upward


def test_a_circle_would_be_found(tmp_path, monkeypatch):
    (tmp_path / "cam").mkdir()
    for name, text in (("__init__", ""), ("one", "from cam.two import x"), ("two", "def f():\n    import cam.one")):
        (tmp_path / "cam" / f"{name}.py").write_text(text)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    with pytest.raises(CycleError):
        tuple(TopologicalSorter(arrows("cam")).static_order())


def test_the_engine_knows_no_options_no_files_and_no_commands():
    for name, file in modules("bench").items():
        if name.startswith("bench.engine."):
            own = {target for target in imported(file) if target.startswith("bench.")}
            allowed = ("bench.engine", "bench.errors", "bench.serialise")
            assert all(target.startswith(allowed) for target in own), (name, own)


def test_metrics_never_see_a_module():
    for file in (ROOT / "metrics").rglob("*.py"):
        assert "nn.Module" not in file.read_text(encoding="utf-8"), file


def test_classes_are_cats_and_dogs_in_few_places():
    found = set()
    for room in MAY_IMPORT:
        for name, file in modules(room).items():
            texts = (node.value for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                     if isinstance(node, ast.Constant) and isinstance(node.value, str))  # fmt: skip
            if any(re.fullmatch(r"cats?|dogs?|cat\+dog", text) for text in texts):
                found.add(name)
    assert found == set(CATS_AND_DOGS)
    for file in (ROOT / "reports" / "pages" / "templates").iterdir():
        assert not re.search(r"(?i)\b(cats?|dogs?)\b", file.read_text(encoding="utf-8")), file


def test_names_of_maps_are_the_same_where_they_are_made_and_where_they_are_read():
    assert NEGATED == cam.NEGATED
    assert tuple(reversed(cam.LADDER)) == RUNGS


def test_both_rooms_that_assume_names_assume_the_same():
    assert DEFAULT == CLASSES


def test_each_room_asks_what_was_meant_in_one_place():
    """The rooms at the bottom know none of each other, and `bench.names` answers before torch is imported."""
    asking = {name for room in MAY_IMPORT for name, file in modules(room).items() if "difflib" in imported(file)}
    assert asking == {"bench.names", "cam.contract", "datasets.text", "weights.errors"}


def test_datasets_is_ours():
    assert Path(datasets.__file__).parent == ROOT / "datasets"


def test_reports_import_without_torch_models():
    code = "import sys, reports; sys.exit(any(name in sys.modules for name in ('weights', 'datasets', 'bench')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("room", [*sorted(MAY_IMPORT), "tests"])
def test_files_stay_readable(room):
    for file in (ROOT / room).rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file
