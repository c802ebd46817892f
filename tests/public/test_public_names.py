"""What a user imports: options by name, one meaning an argument, and types for a checker."""

from __future__ import annotations

import inspect
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

import napari_cortex_decoder as ncd

SCRIPT = Path(__file__).with_name("uses_every_name.py")
ROOT = Path(__file__).parents[2]
LOOKED_AT = {"registration", "ethogram", "behavior", "stop"}
"""What is looked at, and where; it may be left out, and may be given in its place."""


def public_functions() -> Iterator[tuple[str, inspect.Signature]]:
    for name in ncd.__all__:
        value = getattr(ncd, name)
        if inspect.isfunction(value):
            yield name, inspect.signature(value)
        elif inspect.isclass(value):
            for method, function in vars(value).items():
                function = getattr(function, "__func__", function)
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", inspect.signature(function)


def test_options_are_given_by_name() -> None:
    by_place = [
        (name, option.name)
        for name, signature in public_functions()
        for option in signature.parameters.values()
        if option.default is not option.empty
        and option.kind is option.POSITIONAL_OR_KEYWORD
        and option.name not in LOOKED_AT
    ]
    assert by_place == []


OF_ONE_FAMILY = {
    "atlas": "by its name, or an Atlas that is there",
    "cohort": "its CSV, or for a training also its sessions",
    "decoder": "by its name or file, or a Decoder that is there; of an evaluation also several",
    "path": "of a file; of a movie also several",
    "progress": "told of progress; a decode's has answers too",
    "recording": "anything with a clock, where no more is read of it",
}
"""Arguments whose types differ, and what they mean all the same."""


def test_an_argument_means_one_thing_everywhere() -> None:
    types: dict[str, set[str]] = {}
    for _, signature in public_functions():
        for option in signature.parameters.values():
            said = str(option.annotation).removesuffix(" | None")
            types.setdefault(option.name, set()).add(said)
    # a shape counts as many axes as what has it
    shapes = {said.replace("tuple[int, int]", "tuple[int, ...]") for said in types.pop("shape")}
    assert shapes == {"tuple[int, ...]"}
    assert {name for name, said in types.items() if len(said) > 1} <= {*OF_ONE_FAMILY}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has the wheel, and beside it all that is here."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = next((folder / "venv").glob("[bS]*/python*"))
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    ZipFile(next(folder.glob("*.whl"))).extractall(site)
    here = [path for path in sys.path if path.endswith("-packages")]
    (site / "libraries.pth").write_text("\n".join(here))
    return python


def test_the_wheel_says_that_it_is_typed_and_what_is_public(installed: Path) -> None:
    program = (
        "import napari_cortex_decoder as ncd, pathlib\n"
        "home = pathlib.Path(ncd.__file__).parent\n"
        "print((home / 'py.typed').exists(), home.parent.name, *ncd.__all__)\n"
    )
    command = [installed, "-I", "-c", program]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert said == ["True", "site-packages", *ncd.__all__]


@pytest.mark.slow
def test_a_program_that_uses_every_name_is_type_checked_from_outside(
    installed: Path, tmp_path: Path
) -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert [name for name in ncd.__all__ if f"ncd.{name}" not in text] == []
    (tmp_path / "program.py").write_text(text)
    (tmp_path / "mistaken.py").write_text("import napari_cortex_decoder as ncd\nncd.train(1)\n")
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-torch.*]\nfollow_imports = skip\n")  # dear
    command = [sys.executable, "-m", "mypy", "--strict"]
    command += ["--python-executable", installed]
    found = subprocess.run(
        [*command, "program.py", "mistaken.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "mistaken.py:2" in found.stdout and "program.py" not in found.stdout, found.stdout
