from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari import Viewer
from npe2 import PluginManifest

import napari_cortex_decoder
from napari_cortex_decoder.recording import movie_patterns
from napari_cortex_decoder.widgets.recording.layers import recording_of
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    manifest = PluginManifest.from_distribution("napari-cortex-decoder")
    manifest.validate_imports()
    return manifest


def test_the_reader_takes_every_movie_format(manifest: PluginManifest) -> None:
    (reader,) = manifest.contributions.readers
    assert sorted(reader.filename_patterns) == sorted(movie_patterns())


def test_the_manifest_at_the_root_is_the_one_in_the_package() -> None:
    package = Path(napari_cortex_decoder.__file__).parent
    root = package.parents[1] / "napari.yaml"
    if not root.exists():
        pytest.skip("installed without its repository")
    assert root.resolve() == (package / "napari.yaml").resolve()


def test_the_sample_is_a_simulated_mouse_with_speed_and_labels(
    viewer: Viewer, workspace: Workspace
) -> None:
    (layer,) = viewer.open_sample("napari-cortex-decoder", "simulated-mouse")
    recording = recording_of(layer)
    assert recording is workspace.movie.recording and recording is not None
    assert recording.frame_rate == 30 and recording.n_frames == 1800
    assert "speed" in recording.behavior
    assert workspace.labels.ethogram is not None
    assert set(workspace.labels.ethogram.behaviors) == {"rest", "run"}


def test_a_real_mouse_is_a_sample_too_with_its_reference_and_treadmill(
    viewer: Viewer, workspace: Workspace
) -> None:
    layers = viewer.open_sample("napari-cortex-decoder", "real-mouse")
    recording = workspace.movie.recording
    assert recording is not None and recording is recording_of(layers[0])
    assert recording.n_frames == 90 and recording.frame_rate == pytest.approx(1, rel=0.01)
    assert recording.pixel_size == pytest.approx(0.072)
    assert recording.reference is not None and recording.reference.shape == recording.movie.shape
    (treadmill,) = recording.behavior.values()
    assert treadmill.unit.lower() in ("v", "volts")
    swings = [
        treadmill.values[(treadmill.times > a) & (treadmill.times < b)].std()
        for a, b in ((48, 58), (5, 40))
    ]
    assert swings[0] > 3 * swings[1]  # it runs
    assert recording.path is None  # nothing is kept where the program is installed


def test_a_stack_of_files_is_one_session_in_the_order_of_their_numbers(
    viewer: Viewer, workspace: Workspace, tmp_path: Path
) -> None:
    frames = np.arange(6 * 8 * 8, dtype=np.uint16).reshape(6, 8, 8)
    files = [tmp_path / f"session_{number}.tif" for number in (10, 2, 1)]
    for file, part in zip(files, (frames[4:], frames[2:4], frames[:2]), strict=True):
        tifffile.imwrite(file, part, photometric="minisblack")
    # what napari does with files that are dropped with Shift held
    (layer,) = viewer.open(list(map(str, files)), stack=True, plugin="napari-cortex-decoder")
    np.testing.assert_array_equal(np.asarray(layer.data), frames)
    assert workspace.movie.recording is recording_of(layer)
