"""Small labeled recordings whose brightness tells rest from run, on one thread."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from labeled_mice import sessions_of

from napari_cortex_decoder.training import Session


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def mice() -> Callable[..., list[Session]]:
    """Return `sessions_of`."""
    return sessions_of
