"""Small labeled recordings whose brightness tells rest from run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from helpers.labeled_mice import sessions_of
from napari_cortex_decoder.training import Session


@pytest.fixture
def mice() -> Callable[..., list[Session]]:
    """Return `sessions_of`."""
    return sessions_of
