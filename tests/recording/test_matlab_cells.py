"""Cell arrays of MATLAB 5 files are read as SciPy writes them, and never trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.matlab5 import numeric_cells

LIMIT = 2**20


def cells(*matrices: np.ndarray) -> np.ndarray:
    array = np.empty((1, len(matrices)), dtype=object)
    array[0, :] = matrices
    return array


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int16])
def test_matrices_come_back_in_their_order_shape_and_type(
    tmp_path: Path, compressed: bool, dtype: type
) -> None:
    matrices = [(np.arange(n * 7).reshape(7, n) % 100).astype(dtype) for n in (1, 3, 40)]
    path = tmp_path / "cells.mat"
    content = {"signal1": cells(*matrices), "alone": np.eye(3), "words": cells(np.array("no"))}
    savemat(path, content, do_compression=compressed)
    read = numeric_cells(path, limit=LIMIT)
    assert list(read) == ["signal1"]
    for found, given in zip(read["signal1"], matrices, strict=True):
        np.testing.assert_array_equal(found, given)
        assert found.dtype == dtype


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_cut_off_anywhere_is_refused_in_one_sentence(
    tmp_path: Path, compressed: bool
) -> None:
    path = tmp_path / "cells.mat"
    rng = np.random.default_rng(0)
    savemat(path, {"signal1": cells(rng.normal(size=(5, 9)))}, do_compression=compressed)
    whole = path.read_bytes()
    for kept in (100, 130, 140, 200, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(RecordingError, match="cells"):
            numeric_cells(path, limit=LIMIT)


def test_a_variable_that_inflates_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.mat"
    savemat(path, {"signal1": cells(np.zeros((1000, 1000)))}, do_compression=True)
    assert path.stat().st_size < LIMIT
    with pytest.raises(RecordingError, match="larger"):
        numeric_cells(path, limit=LIMIT)


def test_damaged_bytes_never_crash(tmp_path: Path) -> None:
    path = tmp_path / "cells.mat"
    savemat(path, {"signal1": cells(np.ones((3, 4)), np.ones((2, 2)))})
    whole = bytearray(path.read_bytes())
    for place in range(128, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            numeric_cells(path, limit=LIMIT)
        except RecordingError as error:
            assert "cells.mat" in str(error)
