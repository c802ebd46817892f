"""The house keeps its floors: who may import whom, and what importing the package costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_cortex_decoder

PACKAGE = Path(napari_cortex_decoder.__file__).parent
NAME = "napari_cortex_decoder"

FLOORS = {
    "errors": -4,  # the ground floor, in the order in which it stands
    "arrays": -4,
    "choices": -3,
    "reading": -2,
    "files": -1,
    "settings": -1,
    "units": -1,
    "child": -1,
    "progress": -1,
    "compute": -1,
    "containers": 0,
    "bouts": 0,
    "clock": 0,
    "history": 0,
    "movie_blocks": 0,
    "tables": 0,
    "cohort": 1,
    "atlas": 1,
    "recording": 2,
    "labels": 2,
    "cameras": 3,
    "simulation": 3,
    "decoder": 3,
    "kept": 3,
    "scoring": 4,
    "runs": 5,
    "sessions": 5,
    "saliency": 6,
    "training": 6,
    "tuning": 7,
    "evaluation": 8,
    "benchmarking": 8,
    "cli": 9,
    "widgets": 9,
}
SCREEN = {"qtpy", "napari", "pyqtgraph", "superqt", "magicgui", "vispy", "PyQt6", "PySide6"}


@cache
def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Dotted names that a module imports, wherever in it the import stands."""
    names: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; say the whole name"
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in modules()} <= set(FLOORS)


def test_modules_import_only_their_own_room_and_floors_below() -> None:
    upwards = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        for name in imported(path)
        if (parts := name.split("."))[0] == NAME and len(parts) > 1 and parts[1] in FLOORS
        and parts[1] != (own := room(path)) and FLOORS[parts[1]] >= FLOORS[own]
        and (own, parts[1]) != ("cli", "widgets")  # `cortex-decoder demo` opens the window
    }  # fmt: skip
    assert upwards == set()


def imports_within(own: str) -> dict[str, set[str]]:
    """Which modules of a room each of its modules imports."""
    paths = [path for path in modules() if room(path) == own and path.stem != "__init__"]
    names = {
        ".".join((NAME, *path.relative_to(PACKAGE).with_suffix("").parts)): set(imported(path))
        for path in paths
    }
    return {
        name: {
            other for other in names for said in imports
            if other != name and (said == other or said.startswith(f"{other}."))
        }
        for name, imports in names.items()
    }  # fmt: skip


@pytest.mark.parametrize("own", sorted({room(path) for path in modules()}))
def test_modules_of_a_room_import_each_other_one_way(own: str) -> None:
    TopologicalSorter(imports_within(own)).prepare()  # raises CycleError, which shows the circle


@pytest.mark.parametrize("own", ["decoder", "recording", "saliency", "widgets"])
def test_the_parts_of_a_room_import_each_other_one_way(own: str) -> None:
    def part(name: str) -> str:
        """`widgets.atlas` of `widgets.atlas.areas_model`; modules beside the folders stay alone."""
        return ".".join(name.split(".")[:3])

    graph: dict[str, set[str]] = {}
    for name, others in imports_within(own).items():
        graph.setdefault(part(name), set()).update({part(other) for other in others} - {part(name)})
    TopologicalSorter(graph).prepare()


def test_only_widgets_know_the_screen() -> None:
    known = {path: {name.split(".")[0] for name in imported(path)} & SCREEN for path in modules()}
    assert {path for path, names in known.items() if names and room(path) != "widgets"} == set()


def test_what_is_removed_goes_through_one_door() -> None:
    gone = re.compile(r"\.(unlink|rmdir|rmtree)\(|\bos\.(remove|rename|replace)\(")
    found = [path for path in modules() if gone.search(path.read_text(encoding="utf-8"))]
    assert {room(path) for path in found} == {"files"}, found


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_neither_torch_nor_qt_nor_napari() -> None:
    loaded = loaded_by("import napari_cortex_decoder")
    assert not loaded & (SCREEN | {"torch", "monai", "dask", "numpy", "lightning"})


@pytest.mark.parametrize("name", ["recording", "atlas", "labels", "simulation", "decoder", "cli"])
def test_a_room_that_needs_no_network_loads_no_torch(name: str) -> None:
    assert not loaded_by(f"import {NAME}.{name}") & (SCREEN | {"torch", "monai", "lightning"})


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = napari_cortex_decoder.no_such_thing


TESTS = Path(__file__).parent
PRIVATE_STILL = {"decoder/test_openvino.py", "helpers/windows.py", "saliency/test_maps.py"}
"""Tests that look at private names of the program, besides those of windows: none is to come."""


def private_names(path: Path) -> set[str]:
    """Names that begin with an underscore, of definitions and of what is assigned."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return {name for name in found if name.startswith("_") and not name.startswith("__")} - {"_"}


def looked_at(path: Path) -> set[str]:
    """Names that a test asks for: of other objects, imported, or put in their place."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "os")
            names.add("" if own or ast.unparse(node.value) == "super()" else node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("monkeypatch."):
            asked = (arg.value for arg in node.args if isinstance(arg, ast.Constant))
            names |= {str(value).rpartition(".")[2] for value in asked}
    return names


def test_no_test_looks_at_private_names() -> None:
    private = set().union(*(private_names(path) for path in modules()))
    found = {
        str(path.relative_to(TESTS)): names
        for path in sorted(TESTS.rglob("*.py"))
        if "gui" not in path.parts and (names := looked_at(path) & private)
    }
    new = {name: names for name, names in found.items() if name not in PRIVATE_STILL}
    assert new == {} and found.keys() >= PRIVATE_STILL, "a test looks at private names, or no more"


def test_a_module_fits_in_a_head() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in modules()}
    assert {path: n for path, n in lines.items() if n > 350} == {}


def test_tests_lie_where_their_room_is() -> None:
    rooms = {path.parent.relative_to(TESTS).parts[:1] for path in TESTS.rglob("test_*.py")}
    assert {room for (room,) in rooms - {()}} <= FLOORS.keys() | {
        "gui",
        "faults",
        "public",
        "tools",
    }
    beside = {path.stem for path in TESTS.rglob("*.py") if path.parent.name != "helpers"}
    lone = {stem for stem in beside if not stem.startswith("test_")}
    assert lone <= {"conftest", "sitecustomize", "uses_every_name"}, "helpers lie in tests/helpers"
