"""What the tests of faults count, told in a table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

_COUNTS: pytest.StashKey[dict[str, Counter[str]]] = pytest.StashKey()


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Add numbers to what is told of a fault: ``count("kill -9", rounds=1, half_files=0)``."""
    counts = request.config.stash.setdefault(_COUNTS, {})

    def count(fault: str, **numbers: int) -> None:
        counts.setdefault(fault, Counter()).update(numbers)

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = terminalreporter.config.stash.get(_COUNTS, {})
    results: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if "faults/" in report.nodeid:
                name = report.nodeid.partition("::")[0].rpartition("/")[2]
                results.setdefault(name, Counter())[outcome] += 1
    if not counts and not results:
        return
    terminalreporter.section("faults")
    for name, numbers in [*sorted(counts.items()), *sorted(results.items())]:
        told = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in numbers.items())
        terminalreporter.write_line(f"{name:<28} {told}")
