"""Area traces as NWB, for archives and for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas.area import Area
from napari_cortex_decoder.containers.nwb_output import (
    add_plane,
    clock_fields,
    nwb_file,
    nwb_output,
)
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import mark, marked, written_whole

if TYPE_CHECKING:
    from pynwb import NWBFile

TRACES_NWB = marked(b"\x89HDF", mark("area traces"))
"""What `write_traces_nwb` writes."""
_COLUMNS = {
    "acronym": "Short name of the area",
    "area_name": "Name of the area",
    "side": "Hemisphere",
}


def write_traces_nwb(
    path: str | Path,
    traces: NDArray[np.floating],
    label_image: NDArray[np.integer],
    areas: Sequence[Area],
    times: NDArray[np.floating],
    *,
    session_start: datetime,
    name: str,
    subject: str | None = None,
    pixel_size: float | None = None,
    relative: bool = True,
    notes: Sequence[str] = (),
    overwrite: bool = False,
) -> None:
    """Write area traces, (t, n), as a segmentation and its responses, in an NWB file of their own.

    Traces are ΔF/F as a fraction, or fluorescence if not `relative`; `label_image`, (y, x), has the
    masks of the n areas, of which those with no pixel are left out; `times` (s) count from
    `session_start`, which has a time zone: NWB cannot be without. Such a file is replaced. Raises
    AtlasError if the shapes do not fit, the time zone is missing, or the file cannot be written.
    """
    if traces.shape != (len(times), len(areas)):
        raise AtlasError(
            f"traces of shape {traces.shape} for {len(times)} times and {len(areas)} areas."
        )
    if session_start.tzinfo is None:
        raise AtlasError(
            f"the session start {session_start} has no time zone; write it like "
            "2024-05-01T10:00+02:00."
        )
    file = nwb_file(
        f"Fluorescence of cortical areas in {name}",
        f"{mark('area traces')} {uuid4()}",
        session_start,
        subject=subject,
        notes=notes,
    )
    plane = add_plane(file, "DorsalCortex", pixel_size=pixel_size)
    columns: dict[str, Sequence[str]] = {
        "acronym": [area.acronym for area in areas],
        "area_name": [area.name for area in areas],
        "side": [area.side for area in areas],
    }
    clock = clock_fields(np.asarray(times, dtype=np.float64))
    values = np.asarray(traces, dtype=np.float32)
    add_traces(file, plane, values, label_image, columns, relative=relative, **clock)
    with (
        written_whole(path, AtlasError, kind=TRACES_NWB, overwrite=overwrite) as part,
        nwb_output(part) as (output, _),
    ):
        output.write(file)


def add_traces(
    file: NWBFile,
    plane: Any,
    traces: NDArray[np.floating],
    label_image: NDArray[np.integer],
    columns: Mapping[str, Sequence[str]],
    *,
    relative: bool,
    **series: Any,
) -> None:
    """Add a segmentation and its responses to an NWB file.

    Arguments are those of `write_traces_nwb`; `columns` is what the table of areas says of each,
    `series` are clock and comments of the responses.
    """
    from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, RoiResponseSeries

    segmentation = ImageSegmentation()
    table = segmentation.create_plane_segmentation(
        name="Areas",
        description="Areas of an atlas, or where traces come from",
        imaging_plane=plane,
    )
    for column in columns:
        table.add_column(column, _COLUMNS[column])
    seen = [i for i in range(traces.shape[1]) if (label_image == i + 1).any()]
    for i in seen:
        table.add_roi(
            image_mask=(label_image == i + 1).T.astype(np.uint8),  # NWB wants (x, y)
            **{column: values[i] for column, values in columns.items()},
        )
    response = RoiResponseSeries(
        name="RoiResponseSeries",
        data=traces[:, seen],
        rois=table.create_roi_table_region("all areas", region=list(range(len(seen)))),
        unit="n.a." if relative else "a.u.",
        **series,
    )
    module = file.create_processing_module("ophys", "Areas and their fluorescence")
    module.add(segmentation)
    module.add((DfOverF if relative else Fluorescence)(roi_response_series=response))
