"""No test reaches another machine: whichever looks one up, or starts a program that does, fails.

Programs that tests start find `helpers`, too.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_WATCH = Path(__file__).with_name("watch")
_TESTS = Path(__file__).parents[1]
_NOTES = "CORTEX_DECODER_TEST_NETWORK"


def pytest_configure() -> None:
    """Watch this process and those that it will start."""
    if _NOTES in os.environ:  # a run of tests within a test
        return
    handle, name = tempfile.mkstemp(prefix="network-", suffix=".jsonl")
    os.close(handle)
    os.environ[_NOTES] = name
    paths = [str(_WATCH), str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    code = (_WATCH / "sitecustomize.py").read_text()
    exec(compile(code, "sitecustomize.py", "exec"), {})  # a name that Python has taken already


def noted() -> list[dict[str, object]]:
    """Take the attempts that nobody has answered for yet."""
    notes = Path(os.environ[_NOTES])
    lines = notes.read_text().splitlines() if notes.exists() else []
    if lines:
        notes.write_text("")
    return [json.loads(line) for line in lines]


def look_up(path: Path) -> None:
    """Look up what a file is called, in whatever process this is run."""
    socket.getaddrinfo(path.name, 443)


@pytest.fixture
def reached() -> Callable[[], list[dict[str, object]]]:
    """Take the attempts to reach another machine, which are no failure then."""
    return noted


@pytest.fixture(autouse=True)
def nothing_goes_out() -> Iterator[None]:
    """Fail whichever test looks up an address, or starts a program that does."""
    yield
    if attempts := noted():
        pytest.fail(f"another machine was asked for: {attempts}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for what a program did after its test had ended."""
    if attempts := noted():
        print(f"\nanother machine was asked for: {attempts}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    """Remove the notes."""
    if "PYTEST_CURRENT_TEST" not in os.environ:
        Path(os.environ[_NOTES]).unlink(missing_ok=True)
