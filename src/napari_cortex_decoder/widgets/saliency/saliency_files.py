"""Results of the section *Saliency* as files, by their suffix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.cameras import remembered_cameras
from napari_cortex_decoder.widgets.saliency.saliency_jobs import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIGURES = (".png", ".svg", ".pdf")


def suffixes_of(result: Result) -> tuple[str, ...]:
    """Return the kinds of files that a result can be written to."""
    if result.maps is not None:
        return (".tif", *_FIGURES, ".mp4", ".nwb")
    if result.onsets is not None:
        return (".tif", *_FIGURES, ".nwb")
    if result.lags is not None:
        return (".csv", *_FIGURES)
    return (".csv", ".json", *_FIGURES, ".nwb")


def export(result: Result, path: Path, report: Report) -> None:
    """Write a result as its suffix says; runs in a thread.

    Of a file that is there, the dialog has asked whether to replace it.

    Raises
    ------
    CortexDecoderError
        If it cannot be written so.
    """
    from napari_cortex_decoder.saliency.output.export import write_csv, write_json, write_tiff
    from napari_cortex_decoder.saliency.output.figure import save_figure
    from napari_cortex_decoder.saliency.output.nwb_export import write_nwb
    from napari_cortex_decoder.saliency.output.video import write_mp4

    suffix = path.suffix.lower()
    known = suffixes_of(result)
    if suffix not in known:
        raise CortexDecoderError(
            f"{path.name}: this result is written as {', '.join(known)}; name it so."
        )
    question, maps = result.question, result.maps or result.onsets
    if suffix in _FIGURES:
        save_figure(_figure(result), path, overwrite=True)
    elif suffix == ".csv":
        found = result.areas or result.cutouts or result.lags
        assert found is not None
        write_csv(found, path, overwrite=True)
    elif suffix == ".json":
        found_areas = result.areas or result.cutouts
        assert found_areas is not None
        write_json(found_areas, path, overwrite=True)
    elif suffix == ".nwb":
        kind = result.areas or result.cutouts or maps
        assert kind is not None
        write_nwb(kind, path, question.recording, overwrite=True)
    elif suffix == ".mp4":
        assert result.maps is not None
        cameras, _ = remembered_cameras(question.recording)  # others are told of where they are
        write_mp4(
            result.maps,
            path,
            question.recording,
            question.registration,
            question.ethogram,
            camera=cameras[0] if cameras else None,
            progress=report,
            overwrite=True,
        )
    else:
        assert maps is not None
        write_tiff(maps, path, overwrite=True)


def _figure(result: Result) -> Figure:
    """Draw a result."""
    from napari_cortex_decoder.saliency.output.figure import (
        draw_areas,
        draw_cutouts,
        draw_lags,
        draw_maps,
    )

    question = result.question
    recording, maps = question.recording, result.maps or result.onsets
    if result.areas is not None:
        assert question.registration is not None
        return draw_areas(result.areas, question.registration, recording.shape)
    if result.cutouts is not None:
        return draw_cutouts(result.cutouts, recording.movie[recording.n_frames // 2].compute())
    if result.lags is not None:
        return draw_lags(result.lags)
    assert maps is not None
    said = "" if result.check is None else result.verdict
    return draw_maps(maps, question.registration, recording.shape, said)
