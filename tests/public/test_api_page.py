"""The page of the public names has every one of them, and what it shows is so."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import napari_cortex_decoder as ncd

PAGE = Path(__file__).parents[2] / "docs/api.md"


def examples() -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S))


def test_every_public_name_is_on_the_page_and_functions_have_an_example() -> None:
    page, shown = PAGE.read_text(encoding="utf-8"), examples()
    assert [name for name in ncd.__all__ if not re.search(rf"\b{name}\b", page)] == []
    functions = [name for name in ncd.__all__ if inspect.isfunction(getattr(ncd, name))]
    assert [name for name in functions if f"ncd.{name}(" not in shown] == []


@pytest.mark.slow
def test_the_examples_run_and_give_what_stands_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, names, compared = examples(), {}, 0
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        beside = lines[(statement.end_lineno or 0) - 1].partition("# -> ")[2]
        source = ast.unparse(statement)
        if beside:
            assert repr(eval(source, names)) == beside, source  # noqa: S307 - our own page
            compared += 1
        else:
            exec(compile(source, f"{PAGE}:{statement.lineno}", "exec"), names)
    assert compared > 10
