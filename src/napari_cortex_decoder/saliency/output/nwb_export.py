"""Results as NWB, for archives: tables of areas or places, and maps as series of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_cortex_decoder.containers.nwb_output import nwb_file, nwb_output
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import written_whole
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.saving.nwb import session_start
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.cutout import CutoutImportance
from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
from napari_cortex_decoder.saliency.output.export import about_maps, describe
from napari_cortex_decoder.saliency.output.kinds import MARK, RESULTS

if TYPE_CHECKING:
    from pynwb import NWBFile

MODULE = "saliency"
"""Processing module that holds the results."""

_WORDS = {
    "acronym": "Short name of the area, or of the group",
    "side": "Hemisphere",
    "importance": "Score less the score without it",
    "low": "Lower end of the 95 % interval (bootstrap over bouts)",
    "high": "Upper end of the 95 % interval",
    "control": "Importance of random places of its size, on average",
    "control_low": "2.5th percentile of theirs",
    "control_high": "97.5th percentile of theirs",
    "excess_low": "Lower end of the 95 % interval of importance less control",
    "excess_high": "Upper end of the 95 % interval of importance less control",
    "p": "That a place of its size is worth as much, corrected for all areas (Holm)",
    "agrees": "Whether it is worth more than that in log-odds, too",
    "frames": "Frames that were scored",
    "alone": "AUC of a linear decoder that learned anew from its traces alone",
    "alone_low": "Lower end of its 95 % interval",
    "alone_high": "Upper end of its 95 % interval",
    "others": "AUC of a linear decoder that learned anew from all but its traces",
    "others_low": "Lower end of its 95 % interval",
    "others_high": "Upper end of its 95 % interval",
    "pixels": "Pixels on the images that the decoder sees",
    "row": "Center of the cutout, px of the images that the decoder sees",
    "column": "Center of the cutout, px of the images that the decoder sees",
}


def write_nwb(
    result: AreaImportance | CutoutImportance | SaliencyMaps | OnsetAverage,
    path: str | Path,
    recording: Recording,
    *,
    overwrite: bool = False,
) -> None:
    """Write a result as an NWB file of its own.

    Importance becomes a table, maps become an `ImageSeries` (x and y in NWB's order) on the
    recording's clock, in the processing module ``saliency``; how it was computed, and the verdict,
    stand in the module's description as JSON.

    Parameters
    ----------
    result
        Any.
    path
        Where to; such a file is replaced.
    recording
        The one that the result is of.
    overwrite
        Whether any other file may be replaced, too.

    Raises
    ------
    DecoderError
        If it cannot be written.
    """
    start, notes = session_start(recording)
    file = nwb_file(
        f"What decoder {result.decoder} reads {result.behavior} from, in {recording.name}",
        f"{MARK} {uuid4()}",
        start,
        subject=recording.subject,
        notes=[*notes, *result.warnings],
    )
    if isinstance(result, SaliencyMaps | OnsetAverage):
        _add_maps(file, result, recording)
    else:
        _add_table(file, result)
    with (
        written_whole(path, DecoderError, kind=RESULTS[".nwb"], overwrite=overwrite) as part,
        nwb_output(part) as (output, _),
    ):
        output.write(file)


def _add_table(file: NWBFile, result: AreaImportance | CutoutImportance) -> None:
    from hdmf.common import DynamicTable, VectorData

    if isinstance(result, AreaImportance):
        name, words = "AreaImportance", "Importance of areas"
        columns: dict[str, Any] = {key: result.table[key].to_list() for key in result.table}
    else:
        name, words = "CutoutImportance", "Importance of places, cut out of all frames"
        rows, places = np.meshgrid(result.rows, result.columns, indexing="ij")
        grids = (rows, places, result.map, result.low, result.high, result.p)
        keys = ("row", "column", "importance", "low", "high", "p")
        columns = {key: grid.ravel().tolist() for key, grid in zip(keys, grids, strict=True)}
    about = json.dumps(describe(result), ensure_ascii=False)
    module = file.create_processing_module(MODULE, about)
    module.add(
        DynamicTable(
            name=name,
            description=words,
            columns=[
                VectorData(name=key, description=_WORDS[key], data=values)
                for key, values in columns.items()
            ],
        )
    )


def _add_maps(file: NWBFile, result: SaliencyMaps | OnsetAverage, recording: Recording) -> None:
    from pynwb.image import ImageSeries

    if isinstance(result, SaliencyMaps):
        name = "SaliencyMaps"
        words = f"Maps by {result.method}; positive speaks for {result.behavior}"
        times = recording.times[result.frames]
    else:
        name = "OnsetAverage"
        words = (
            f"Mean of {len(result.onsets)} maps by {result.method}; its times are seconds from the "
            f"onset of {result.behavior}"
        )
        times = result.seconds
    about = json.dumps(about_maps(result), ensure_ascii=False)
    module = file.create_processing_module(MODULE, about)
    module.add(
        ImageSeries(
            name=name,
            description=words,
            data=np.ascontiguousarray(result.maps.transpose(0, 2, 1)),
            unit="n.a." if result.method == "grad-cam" else "log-odds",
            timestamps=np.asarray(times, dtype=np.float64),
        )
    )
