"""Film what docs/guide.md tells, in the real program: a working day with a cohort of four.

python docs/pictures_day.py

needs a display (``bash tools/with-display.sh …`` makes one). The mice are simulated ones that
`run-rest` has not seen, and so is what their cameras film.
"""

from __future__ import annotations

from picture_window import FOLDER, IMAGES, Film, below  # isort: skip

import math
from functools import partial
from pathlib import Path

import av
import numpy as np
import tifffile
from PIL import Image, ImageDraw
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QInputDialog, QSlider

from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.widgets.cameras.camera_pane import CameraPane
from napari_cortex_decoder.widgets.dock.cameras_group import CamerasGroup
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.sessions.sessions_section import SessionsSection

SECONDS, SIZE, RATE = 60.0, 64, 30.0
WIDTH, HEIGHT = 1280, 860
MICE = ((7, 2), (7, 3), (8, 2), (8, 3))  # subject, and seed of a session
FLASHES = (45, 1725)  # frames of the movie in which a lamp flashes, which the camera sees too
EARLY, SLOW = 1.4, 1.002  # s that the camera starts before the movie; the pace of its clock


def write_cohort(folder: Path) -> tuple[Path, SimulatedRecording]:
    """Leave four movies that say no frame rate, their cohort, and two cameras of the first."""
    rows = ["recording,subject,session,registration"]
    first = None
    for subject, seed in MICE:
        mouse = simulate_recording(seed=seed, subject=subject, seconds=SECONDS, shape=(SIZE, SIZE))
        frames = mouse.movie.compute()
        for flash in FLASHES if first is None else ():
            frames[flash : flash + 2] = np.minimum(frames[flash : flash + 2] * 1.6, 65_000)
        name = f"m{subject}-{seed - 1}"
        tifffile.imwrite(folder / f"{name}.tif", frames, photometric="minisblack")
        mouse.truth.registration.save(folder / f"{name}.json")
        rows.append(f"{name}.tif,m{subject},{name},{name}.json")
        first = first or mouse
    assert first is not None
    csv = folder / "cohort.csv"
    csv.write_text("\n".join(rows) + "\n")
    film_mouse(first, folder / "wheel.mp4", above=False)
    film_mouse(first, folder / "above.mp4", above=True)
    return csv, first


def film_mouse(mouse: SimulatedRecording, path: Path, *, above: bool) -> None:
    """Draw what a camera sees: a mouse on a wheel that turns as it runs."""
    early, slow = (0.0, 1.0) if above else (EARLY, SLOW)
    n = round((SECONDS + 2 * early) * RATE)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=round(RATE))
        stream.width, stream.height, stream.pix_fmt = 240, 176, "yuv420p"
        turned = 0.0
        for number in range(n):
            at = (number / RATE - early) * slow * RATE  # the movie's frame
            frame = int(np.clip(round(at), 0, mouse.n_frames - 1))
            turned += float(mouse.truth.speed[frame]) / RATE / 6
            lamp = not above and any(flash <= round(at) < flash + 2 for flash in FLASHES)
            drawn = picture(turned, above=above, lamp=lamp)
            out.mux(stream.encode(av.VideoFrame.from_image(drawn)))
        out.mux(stream.encode())


def picture(turned: float, *, above: bool, lamp: bool) -> Image.Image:
    """Draw one picture of a mouse that has run so far, in turns of its step."""
    shown = Image.new("RGB", (240, 176), (70, 70, 74))
    draw = ImageDraw.Draw(shown)
    step = math.sin(2 * math.pi * turned)
    fur, skin = (150, 146, 140), (206, 168, 160)
    if above:
        sway = 3 * step
        draw.ellipse((70, 58, 180, 122), fill=fur)
        draw.ellipse((164, 68 + sway, 214, 112 + sway), fill=fur)
        for side in (-1, 1):
            draw.ellipse((160, 84 + 26 * side, 178, 100 + 26 * side), fill=skin)
            draw.ellipse((150 + 10 * side * step, 86 + 40 * side, 168 + 10 * side * step,
                          96 + 40 * side), fill=skin)  # fmt: skip
        draw.line((70, 90, 40, 90 - 2 * sway, 12, 96 + 2 * sway), fill=skin, width=5)
        return shown
    for spoke in range(12):
        angle = turned / 4 + spoke * math.pi / 6
        end = 120 + 96 * math.cos(angle), 230 + 96 * math.sin(angle)
        draw.line((120, 230, *end), fill=(110, 110, 116), width=3)
    draw.ellipse((20, 130, 220, 330), outline=(130, 130, 136), width=4)
    draw.ellipse((64, 62, 164, 122), fill=fur)
    draw.ellipse((146, 66, 196, 104), fill=fur)
    draw.ellipse((152, 56, 170, 74), fill=skin)
    draw.ellipse((180, 78, 186, 84), fill=(20, 20, 20))
    for place, phase in ((84, step), (104, -step), (136, step), (152, -step)):
        draw.line((place, 112, place + 12 * phase, 134), fill=skin, width=7)
    draw.line((66, 96, 40, 100, 14, 84), fill=skin, width=5)
    if lamp:
        draw.ellipse((6, 6, 40, 40), fill=(255, 255, 255))
    return shown


def line_up(film: Film, pane: CameraPane) -> None:
    """Find both flashes in camera and movie, and say each time that they are one moment."""
    film.click(pane, "Line up…")
    own = next(slider for slider in pane.findChildren(QSlider) if "alone" in slider.toolTip())
    for flash in FLASHES:
        film.workspace.movie.seek(flash)
        own.setValue(math.ceil((flash / RATE / SLOW + EARLY) * RATE))
        film.wait(0.5)
        film.click(pane, "Same moment")


def main() -> None:
    """Take a frame of each step of the day."""
    csv, mouse = write_cohort(FOLDER)
    film = Film(WIDTH, HEIGHT)
    workspace, dock = film.workspace, film.dock
    sessions, cameras = dock.findChild(SessionsSection), dock.findChild(CamerasGroup)
    film.choose(sessions, "Open", "A cohort (CSV)…")
    film.answer(csv)
    film.until(lambda: workspace.movie.recording is not None)
    film.wait(1)  # the row of what was opened is looked at anew
    film.until(lambda: all(row.facts for row in workspace.sessions.rows))
    listed = film.part(sessions)
    film.choose(sessions, "All checked", "Set the frame rate…")
    (asked,) = sessions.findChildren(QInputDialog)
    asked.setDoubleValue(RATE)
    asked.accept()
    film.until(lambda: all(r.facts and r.facts.frame_rate for r in workspace.sessions.rows))
    film.wait(1)
    film.frame("Open > A cohort (CSV)…", listed)
    film.frame("All checked > Set the frame rate…, once for all", film.part(sessions), beside=True)

    for name in ("above", "wheel"):
        film.choose(cameras, "Add camera…", "Video…")
        film.answer(FOLDER / f"{name}.mp4")
        film.until(partial(film.viewer.window.dock_widgets.__contains__, f"Camera: {name}"))
    pane = film.viewer.window.dock_widgets["Camera: wheel"]
    film.wait(1)
    line_up(film, pane)
    film.show(cameras)
    film.frame("two cameras; one is lined up by a flash that is seen in both: Same moment, twice",
               film.shot())  # fmt: skip
    film.click(pane, "Done")

    labels = dock.findChild(LabelsSection)
    labels.set_expanded(True)
    labels.findChild(QCheckBox).click()
    film.show(labels)
    keys = {"rest": Qt.Key.Key_1, "run": Qt.Key.Key_2}
    film.viewer.dims.set_current_step(0, 0)
    bouts = mouse.truth.ethogram.bouts
    for bout in bouts:
        film.key(keys[bout.behavior])
        film.wait(0.1)
        film.play_to(bout.stop - 1)
        if bout is bouts[len(bouts) // 2]:
            film.wait(0.5)
            film.frame("keys 1 and 2 while it plays, the mouse in view", film.shot())
    film.key(keys[bouts[-1].behavior])
    film.wait(1)

    film.show(sessions)
    film.click(sessions, "Decode all checked")
    film.until(lambda: workspace.queue.working == 2 and workspace.queue.progress.done > 0)
    film.wait(1)
    film.frame("Decode all checked: run-rest learned from simulated mice, and says so",
               film.shot())  # fmt: skip
    film.until(lambda: not workspace.queue.progress.running)
    film.until(lambda: workspace.decode.complete)

    tuning = dock.findChild(TuningGroup)
    tuning.set_expanded(True)
    film.show(tuning)
    film.click(tuning, "Fine-tune")
    film.until(lambda: workspace.tuning.result is not None)
    film.wait(1)
    film.frame("Fine-tune: what came of it", film.grab(tuning, tuning._card, tuning._verdict))
    film.click(tuning, "Keep and decode again")
    film.until(lambda: workspace.decode.complete and "m7" in workspace.decode.prediction.decoder)
    film.show(sessions)
    film.wait(2)
    film.frame("Keep and decode again", below(film.part(sessions), film.part(film.timeline)),
               beside=True)  # fmt: skip
    film.viewer.close()

    again = Film(WIDTH, HEIGHT)
    again.goes_on(film)
    workspace, sessions = again.workspace, again.dock.findChild(SessionsSection)
    again.choose(sessions, "Open", str(csv))
    again.until(lambda: workspace.decode.complete and len(workspace.cameras.cameras) == 2)
    again.until(lambda: all(row.facts for row in workspace.sessions.rows))
    again.viewer.dims.set_current_step(0, 1247)
    again.show(sessions)
    again.wait(3)
    again.frame("quit, start again, Open > Recent cohorts: everything is there", again.shot())
    again.save(IMAGES / "day-film.png")
    again.viewer.close()


if __name__ == "__main__":
    main()
