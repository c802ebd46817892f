"""Film what docs/labels.md tells, in the real program: from labels to a decoder that is kept.

python docs/pictures_labels.py

needs a display (``bash tools/with-display.sh …`` makes one). The mouse is a simulated one that
`run-rest` has not seen.
"""

from __future__ import annotations

from picture_window import FOLDER, IMAGES, Film, below  # isort: skip

from pathlib import Path

import tifffile
from qtpy.QtCore import Qt

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import remember_metadata
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.recording_section import RecordingSection
from napari_cortex_decoder.widgets.dock.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup

SECONDS, SIZE = 60.0, 64
WIDTH, HEIGHT = 900, 760
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def boris_file(path: Path, ethogram: Ethogram, frame_rate: float) -> Path:
    """Write what BORIS exports as tabular events, with one that labels nothing."""
    rows = ["Observation id,Subject,Behavior,Behavior type,Time"]
    for bout in ethogram.bouts:
        for kind, frame in (("START", bout.start), ("STOP", bout.stop)):
            rows.append(f"o,No focal subject,{bout.behavior},{kind},{frame / frame_rate:.3f}")
    rows.append("o,No focal subject,blink,POINT,4.000")
    path.write_text("\n".join(rows) + "\n")
    return path


def simulated_file(folder: Path) -> tuple[SimulatedRecording, Path]:
    """Leave the movie of a simulated mouse on the disk, and nothing but the movie."""
    mouse = simulate_recording(seed=2, subject=7, seconds=SECONDS, shape=(SIZE, SIZE))
    path = folder / "m7.tif"
    tifffile.imwrite(path, mouse.movie.compute(), photometric="minisblack")
    remember_metadata(path, frame_rate=mouse.frame_rate)
    return mouse, path


def main() -> None:
    """Decode, label, import, fine-tune, keep, decode again: a frame of each."""
    folder = FOLDER
    mouse, path = simulated_file(folder)
    boris = boris_file(folder / "boris.csv", mouse.truth.ethogram, mouse.frame_rate)
    film = Film(WIDTH, HEIGHT)
    workspace, dock, timeline = film.workspace, film.dock, film.timeline
    labels, tuning = workspace.labels, workspace.tuning
    section, group = dock.findChild(LabelsSection), dock.findChild(TuningGroup)
    workspace.movie.open(path)
    film.until(lambda: workspace.movie.recording is not None)
    for other in (RecordingSection, AtlasSection, DecodeSection, SaliencySection):
        dock.findChild(other).set_expanded(False)
    section.set_expanded(True)
    workspace.decode.decode()
    film.until(lambda: workspace.decode.complete)

    labels.switch(True)
    film.viewer.dims.set_current_step(0, 30)
    for key, stop in ((Qt.Key.Key_1, 155), (Qt.Key.Key_2, 192), (Qt.Key.Key_1, 230)):
        film.key(key)
        film.play_to(stop)
    film.show(section)
    film.frame("decoded by run-rest; then keys 1, 2, 1 while the movie plays", film.shot())
    film.key(Qt.Key.Key_1)

    film.key(Qt.Key.Key_Z, CONTROL)
    film.key(Qt.Key.Key_Z, CONTROL)
    film.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    film.wait(0.5)
    film.frame("Ctrl+Z twice, Ctrl+Shift+Z once", film.part(timeline))

    labels.read(boris)
    film.until(lambda: labels.imported is not None)
    film.wait(0.5)
    listed = film.grab(section, section._message, section._unmatched)
    film.frame("Import…: a file of BORIS", below(film.part(timeline), listed))

    group.set_expanded(True)
    film.wait(0.5)
    film.click(group, "Fine-tune")
    film.until(lambda: sum(one.epoch is not None for one in tuning.told) > 20)
    film.wait(0.1)
    film.frame("Fine-tune: head only", film.grab(group, group._depths, group._rising))
    film.until(lambda: tuning.result is not None)
    film.wait(0.5)
    card = film.grab(group, group._card, group._verdict)
    film.frame("what came of it; Keep…", card, beside=True)

    tuning.keep(folder / "m7-tuned.safetensors")
    group.set_expanded(False)
    dock.findChild(DecodeSection).set_expanded(True)
    film.wait(0.5)
    film.click(dock.findChild(DecodeSection), "Decode")
    film.until(lambda: workspace.decode.complete and not workspace.decode.progress.running)
    film.wait(0.5)
    film.frame("Decode, by the decoder that was kept", film.part(timeline))
    film.save(IMAGES / "labels-film.png")
    film.viewer.close()


if __name__ == "__main__":
    main()
