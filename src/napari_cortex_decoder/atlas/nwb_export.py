"""Area traces as NWB, for archives and for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas.area import Area
from napari_cortex_decoder.containers.nwb_output import nwb_output
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import mark, marked, written_whole

TRACES_NWB = marked(b"\x89HDF", mark("area traces"))
"""What `write_traces_nwb` writes."""


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
    """Write area traces as a segmentation and its responses, in an NWB file of their own.

    Parameters
    ----------
    path
        Where to; such a file is replaced.
    traces
        Shape (t, n): ΔF/F as a fraction, or fluorescence.
    label_image
        Shape (y, x), as `Registration.label_image` gives it: the masks of the areas.
    areas
        The n areas. Those with no pixel are left out.
    times
        Shape (t,), seconds since `session_start`.
    session_start
        When the recording began, with its time zone: NWB cannot be without.
    name
        Name of the recording.
    subject
        Which mouse; None if unknown.
    pixel_size
        Edge of a pixel in mm.
    relative
        Whether the traces are ΔF/F.
    notes
        Sentences that belong to the file.
    overwrite
        Whether any other file may be replaced, too.

    Raises
    ------
    AtlasError
        If the shapes do not fit, the time zone is missing, or the file cannot be written.
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
    from uuid import uuid4

    import pynwb
    from pynwb.ophys import (
        DfOverF,
        Fluorescence,
        ImageSegmentation,
        OpticalChannel,
        RoiResponseSeries,
    )

    file = pynwb.NWBFile(
        session_description=f"Fluorescence of cortical areas in {name}",
        identifier=f"{mark('area traces')} {uuid4()}",
        session_start_time=session_start,
        notes="\n".join(notes) or None,
        # from birth, with an open end: NWB's way to say that the age is not known
        subject=pynwb.file.Subject(
            subject_id=subject or "unknown", species="Mus musculus", sex="U", age="P0D/"
        ),
    )
    size = {} if pixel_size is None else {"grid_spacing": [pixel_size / 1000] * 2}
    plane = file.create_imaging_plane(
        name="DorsalCortex",
        optical_channel=OpticalChannel("Channel", "one-photon wide-field fluorescence", np.nan),
        description="Dorsal cortex through a wide-field microscope",
        device=file.create_device("Camera", description="wide-field camera"),
        excitation_lambda=np.nan,
        indicator="unknown",
        location="Isocortex",
        **({**size, "grid_spacing_unit": "meters"} if size else {}),
    )
    segmentation = ImageSegmentation()
    table = segmentation.create_plane_segmentation(
        name="Areas", description="Areas of an atlas placed on the movie", imaging_plane=plane
    )
    for column, words in (
        ("acronym", "Short name of the area"),
        ("area_name", "Name of the area"),
        ("side", "Hemisphere"),
    ):
        table.add_column(column, words)
    seen = [i for i in range(len(areas)) if (label_image == i + 1).any()]
    for i in seen:
        table.add_roi(
            image_mask=(label_image == i + 1).T.astype(np.uint8),  # NWB wants (x, y)
            acronym=areas[i].acronym,
            area_name=areas[i].name,
            side=areas[i].side,
        )
    response = RoiResponseSeries(
        name="RoiResponseSeries",
        data=np.asarray(traces[:, seen], dtype=np.float32),
        rois=table.create_roi_table_region("all areas", region=list(range(len(seen)))),
        unit="n.a." if relative else "a.u.",
        **_clock(np.asarray(times, dtype=np.float64)),
    )
    module = file.create_processing_module("ophys", "Areas and their fluorescence")
    module.add(segmentation)
    kind = DfOverF if relative else Fluorescence
    module.add(kind(roi_response_series=response))
    with (
        written_whole(path, AtlasError, kind=TRACES_NWB, overwrite=overwrite) as part,
        nwb_output(part) as (output, _),
    ):
        output.write(file)


def _clock(times: NDArray[np.float64]) -> dict[str, float | NDArray[np.float64]]:
    """Return a rate where frames are evenly spaced, else a time for each frame."""
    steps = np.diff(times)
    if len(steps) and np.ptp(steps) < 1e-6:
        return {"rate": float(1 / steps.mean()), "starting_time": float(times[0])}
    return {"timestamps": times}
