"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings and published weights; skip, saying so, where there is none."""
    root = Path(os.environ.get("CORTEX_DECODER_SHARED", Path(__file__).parents[2] / "shared/data"))
    if not root.is_dir():
        pytest.skip(f"no reference data at {root}; set CORTEX_DECODER_SHARED to their folder")
    return root
