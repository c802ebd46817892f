"""What the tests of the atlas share."""

from __future__ import annotations

import pytest

from napari_cortex_decoder.atlas import Atlas, load_atlas


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    return load_atlas("dorsal-cortex")
