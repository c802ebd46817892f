"""`cortex-decoder demo`: a simulated mouse in napari, decoded and playing."""

from __future__ import annotations

from pathlib import Path

import napari
from napari.layers import Layer
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from qtpy.QtCore import QTimer

from napari_cortex_decoder.decoder.prediction import RECORD, TABLE, Prediction
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.files import check_place, make_folder, mark, marked, written_whole
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.widgets.recording.layers import layer_of
from napari_cortex_decoder.widgets.session import workspace_of

_WINDOW = (1500, 950)  # px
_TIME_TO_DRAW = 800  # ms between the last change and the picture


def run_demo(
    folder: Path, *, seed: int = 1, seconds: float = 60.0, screenshot: bool = False
) -> None:
    """Open napari with a simulated mouse, decode it with the bundled decoder, and play it.

    `folder`, made if missing, gets ``<recording>.csv``, and how it was made as JSON. For a
    `screenshot` the slider goes into a bout of running, the window is saved there as
    ``screenshot.png``, and ends. Raises CortexDecoderError if there is no decoder, or a step fails.
    """
    recording = simulate_recording(seed=seed, seconds=seconds)
    make_folder(folder, CortexDecoderError)
    table, shot = folder / f"{recording.name}.csv", folder / "screenshot.png"
    is_shot = marked(b"\x89PNG", mark("screenshot"))
    for place, kind in ((table, TABLE), (table.with_suffix(".json"), RECORD), (shot, is_shot)):
        check_place(place, CortexDecoderError, kind=kind)  # before a window opens
    viewer = napari.Viewer(title="Cortex Decoder", show=False)
    viewer.window.resize(*_WINDOW)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")
    dock.finish()  # before the window is shown, which takes its size from what is in it
    viewer.add_layer(Layer.create(*layer_of(recording)))
    workspace = workspace_of(viewer)
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        viewer.close()

    def go_on(complete: bool) -> None:
        """Decoded: keep the result, then play or take the picture."""
        prediction = workspace.decode.prediction
        if not complete or prediction is None:
            return
        workspace.decode.save(table, overwrite=False)
        if screenshot:
            workspace.movie.seek(_show_frame(prediction))
            QTimer.singleShot(_TIME_TO_DRAW, picture)
        else:
            workspace.playback.play()

    def picture() -> None:
        said = PngInfo()
        said.add_text("Software", mark("screenshot"))
        try:
            with written_whole(shot, CortexDecoderError, kind=is_shot) as part:
                shown = viewer.screenshot(canvas_only=False, flash=False)
                Image.fromarray(shown).save(part, pnginfo=said)
        except CortexDecoderError as error:
            failures.append(error)
        viewer.close()

    def start() -> None:
        if workspace.decode.obstacle is not None:
            fail(CortexDecoderError(f"demo: nothing can be decoded: {workspace.decode.obstacle}"))
        workspace.decode.decode()

    if screenshot:
        workspace.failed.connect(fail)
    workspace.decode.events.complete.connect(go_on)
    viewer.show()
    QTimer.singleShot(0, start)
    napari.run()
    if failures:
        raise failures[0]


def _show_frame(prediction: Prediction) -> int:
    """Pick the middle of the longest bout of the last behaviour; the first frame if it has none."""
    ethogram = Ethogram.from_frames(prediction.labels(), prediction.behaviors)
    bouts = [bout for bout in ethogram.bouts if bout.behavior == prediction.behaviors[-1]]
    longest = max(bouts, key=lambda bout: bout.stop - bout.start, default=None)
    return 0 if longest is None else (longest.start + longest.stop) // 2
