"""What a library does with damaged bytes in a process of its own ends as numbers or a sentence."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from napari_cortex_decoder import child
from napari_cortex_decoder.atlas.importers import transforms
from napari_cortex_decoder.containers import npy
from napari_cortex_decoder.errors import AtlasError, RecordingError

DATASET = "affine_ref_to_data512"
MATRIX = np.array([[1.5, 0.0, 3.0], [0.0, 1.5, -2.0]])
WHAT = "a transform"


@pytest.fixture
def transform(tmp_path: Path) -> Path:
    savemat(tmp_path / "m_mesoscaler.mat", {DATASET: MATRIX}, do_compression=False)
    return tmp_path / "m_mesoscaler.mat"


def test_arrays_come_back_as_they_are(transform: Path) -> None:
    both = child.call(transforms.read_mesoscaler_mat, transform, what=WHAT)
    assert len(both) == 2
    np.testing.assert_array_equal(both[1], MATRIX)
    assert both[1].dtype == np.float64


@pytest.mark.parametrize("kind", [0, 8, 10, 11, 17, 200, 65535])
def test_a_data_type_that_crashes_scipy_is_a_sentence(transform: Path, kind: int) -> None:
    content = bytearray(transform.read_bytes())
    tag = content.rindex(b"\x09\0\0\0\x30\0\0\0")  # doubles, 48 bytes
    content[tag : tag + 4] = kind.to_bytes(4, "little")
    transform.write_bytes(content)
    with pytest.raises(AtlasError, match=r"m_mesoscaler\.mat: this cannot be read.*mesoscaler"):
        transforms.read_mesonet(transform, (64, 64))


def test_a_refusal_comes_back_as_itself(tmp_path: Path) -> None:
    (tmp_path / "m.npy").touch()
    with pytest.raises(RecordingError, match=r"m\.npy: the file is empty"):
        child.call(npy.read_header, tmp_path / "m.npy", what=WHAT, error=AtlasError)


def test_what_is_no_plain_data_does_not_come_back(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", MATRIX)
    with pytest.raises(AtlasError, match=r"m\.npy: this cannot be read as a transform"):
        child.call(npy.read_header, tmp_path / "m.npy", what=WHAT, error=AtlasError)


def test_what_never_ends_is_ended(transform: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(RecordingError, match=r"took more than 0\.001 s; copy or export it again"):
        child.call(transforms.read_mesoscaler_mat, transform, what=WHAT, seconds=0.001)
    assert time.monotonic() - begun < 30


@pytest.mark.skipif("sys.platform != 'linux'", reason="no other system limits it")
def test_what_takes_too_much_memory_is_a_sentence(transform: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read as a transform"):
        child.call(transforms.read_mesoscaler_mat, transform, what=WHAT, memory=2**20)


def test_nothing_of_the_folder_that_one_is_in_is_run(
    transform: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(transform.parent)
    (transform.parent / "scipy.py").write_text("open('run', 'w')")
    assert len(child.call(transforms.read_mesoscaler_mat, transform, what=WHAT)) == 2
    assert not (transform.parent / "run").exists()
