"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_cortex_decoder import cli

# Small tensors gain nothing from more threads, and threads that spin for a busy core lose all.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A run that was begun in the background is deaf to Ctrl-C, and so would be all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ("helpers.network_watch",)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings and published weights; skip, saying so, where there is none."""
    root = Path(os.environ.get("CORTEX_DECODER_SHARED", Path(__file__).parents[2] / "shared/data"))
    if not root.is_dir():
        pytest.skip(f"no reference data at {root}; set CORTEX_DECODER_SHARED to their folder")
    return root


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the cache of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORTEX_DECODER_CACHE", str(tmp_path_factory.mktemp("decoder-cache")))
        yield


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how many images were encoded since the last time."""
    from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork  # loads torch

    numbers: list[int] = []
    features = InferenceNetwork.features

    def count(self: InferenceNetwork, images: Any) -> Any:
        numbers.append(len(images))
        return features(self, images)

    monkeypatch.setattr(InferenceNetwork, "features", count)

    def tell() -> int:
        total = sum(numbers)
        numbers.clear()
        return total

    return tell


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run one command line; give exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cortex-decoder", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        else:
            code = 0
        printed = capfd.readouterr()
        return int(code), printed.out, printed.err

    return run
