"""MATLAB files before version 7.3 are read as SciPy writes them, and never trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from napari_cortex_decoder.containers import matlab
from napari_cortex_decoder.errors import RecordingError


def cells(*matrices: np.ndarray) -> np.ndarray:
    array = np.empty((1, len(matrices)), dtype=object)
    array[0, :] = matrices
    return array


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int16])
def test_cells_come_back_in_their_order_shape_and_type(
    tmp_path: Path, compressed: bool, dtype: type
) -> None:
    matrices = [(np.arange(n * 7).reshape(7, n) % 100).astype(dtype) for n in (1, 3, 40)]
    path = tmp_path / "cells.mat"
    content = {"signal1": cells(*matrices), "alone": np.eye(3), "words": cells(np.array("no"))}
    savemat(path, content, do_compression=compressed)
    read = matlab.cells(path)
    assert list(read) == ["signal1"]
    for found, given in zip(read["signal1"], matrices, strict=True):
        np.testing.assert_array_equal(found, given)
        assert found.dtype == dtype


@pytest.mark.parametrize("version", ["4", "5"])
def test_a_matrix_comes_back_as_it_was_saved(tmp_path: Path, version: str) -> None:
    path, matrix = tmp_path / "m.mat", np.arange(12.0).reshape(3, 4)
    savemat(path, {"m": matrix, "v": matrix[0], "word": "no"}, format=version)
    listed = matlab.variables(path, longest=9)
    assert {name: one.shape for name, one in listed.items()} == {"m": (3, 4), "v": (1, 4)}
    assert listed["m"].dtype == np.float64
    np.testing.assert_array_equal(listed["v"].values, matrix[:1])
    np.testing.assert_array_equal(matlab.variable(path, "m"), matrix)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_cut_off_anywhere_is_refused_in_one_sentence(
    tmp_path: Path, compressed: bool
) -> None:
    path = tmp_path / "cells.mat"
    rng = np.random.default_rng(0)
    savemat(path, {"signal1": cells(rng.normal(size=(5, 9)))}, do_compression=compressed)
    whole = path.read_bytes()
    for kept in (100, 130, 200, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(RecordingError, match=r"cells\.mat: .*cut off"):
            matlab.cells(path)


def test_a_header_that_claims_more_than_its_file_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "claims.mat"
    savemat(path, {"m": np.zeros((3, 5))}, do_compression=False)
    content = path.read_bytes()
    shape = np.array([3, 5], "<i4").tobytes()
    path.write_bytes(content.replace(shape, np.array([30_000, 50_000], "<i4").tobytes()))
    with pytest.raises(RecordingError, match=r"claims\.mat: m claims 30000 x 50000 values"):
        matlab.variables(path, longest=1)


def test_two_variables_of_one_name_are_refused(tmp_path: Path) -> None:
    for name, n in (("one.mat", 3), ("two.mat", 4)):
        savemat(tmp_path / name, {"v": np.arange(n)})
    content = [(tmp_path / name).read_bytes() for name in ("one.mat", "two.mat")]
    path = tmp_path / "both.mat"
    path.write_bytes(content[0] + content[1][128:])
    with pytest.raises(RecordingError, match="two variables are called so"):
        matlab.variables(path, longest=9)


def test_damaged_bytes_never_crash(tmp_path: Path) -> None:
    path = tmp_path / "cells.mat"
    savemat(path, {"signal1": cells(np.ones((3, 4))), "v": np.ones(5)}, do_compression=False)
    whole = bytearray(path.read_bytes())
    types_of_data = [place for place in range(128, len(whole), 8) if whole[place] == 9]
    refused = 0
    for place in (*types_of_data, 144):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        for read in (matlab.cells, lambda file: matlab.variables(file, longest=9)):
            try:
                read(path)
            except RecordingError as error:
                assert "cells.mat" in str(error)
                refused += 1
    assert refused
