"""Answers as files, by their suffix; importing this loads neither torch nor Matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cortex_decoder.cameras import Camera
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.saliency.question import Answer, Kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".png", ".svg", ".pdf")
SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "areas": (".csv", ".json", *FIGURES, ".nwb"),
    "cutouts": (".csv", ".json", *FIGURES, ".nwb"),
    "maps": (".tif", ".json", *FIGURES, ".mp4", ".nwb"),
    "onsets": (".tif", ".json", *FIGURES, ".nwb"),
    "lags": (".csv", ".json", *FIGURES),
}
"""What each kind of answer can be written to."""


def write_answer(
    answer: Answer,
    path: Path,
    *,
    camera: Camera | None = None,
    overwrite: bool = False,
    progress: Report | None = None,
) -> None:
    """Write an answer as its suffix says; beside a figure its legend, as JSON.

    A video shows the camera, too.

    Raises DecoderError if it cannot be written so.
    """
    suffix, known = path.suffix.lower(), SUFFIXES[answer.question.kind]
    if suffix not in known:
        raise DecoderError(
            f"{path.name}: this result is written as {', '.join(known)}; name it so."
        )
    from napari_cortex_decoder.saliency.output import export

    asked, found = answer.question, answer.found
    writers: dict[str, Any] = {".csv": export.write_csv, ".tif": export.write_tiff}
    if suffix == ".json" or suffix in FIGURES:
        beside = path.with_suffix(".json") if suffix in FIGURES else path
        export.write_json(found, beside, _checked(answer), overwrite=overwrite)
    if suffix in writers:
        writers[suffix](found, path, overwrite=overwrite)
    elif suffix in FIGURES:
        from napari_cortex_decoder.saliency.output.figure import save_figure

        save_figure(draw(answer), path, overwrite=overwrite)
    elif suffix == ".nwb":
        from napari_cortex_decoder.saliency.output.nwb_export import write_nwb

        write_nwb(found, path, asked.recording, overwrite=overwrite)  # type: ignore[arg-type]
    elif suffix == ".mp4":
        from napari_cortex_decoder.saliency.output.video import write_mp4

        write_mp4(
            found, path, asked.recording, asked.registration, asked.ethogram,  # type: ignore[arg-type]
            camera=camera, progress=progress, overwrite=overwrite,
        )  # fmt: skip


def draw(answer: Answer) -> Figure:
    """Draw an answer."""
    from napari_cortex_decoder.saliency.output import figure

    asked = answer.question
    recording = asked.recording
    if answer.areas is not None:
        assert asked.registration is not None  # areas lie somewhere
        return figure.draw_areas(answer.areas, asked.registration, recording.shape)
    if answer.cutouts is not None:
        shown = recording.movie[recording.n_frames // 2].compute()
        return figure.draw_cutouts(answer.cutouts, shown)
    if answer.lags is not None:
        return figure.draw_lags(answer.lags)
    maps = answer.maps or answer.onsets
    assert maps is not None
    return figure.draw_maps(maps, asked.registration, recording.shape, _checked(answer))


def described(answer: Answer) -> dict[str, Any]:
    """Put an answer into words and numbers that JSON can hold."""
    from napari_cortex_decoder.saliency.output import export

    return export.describe(answer.found, _checked(answer))


def _checked(answer: Answer) -> str:
    return "" if answer.check is None else answer.verdict
