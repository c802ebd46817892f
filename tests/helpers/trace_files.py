"""Files of area traces, as labs have them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
from numpy.typing import NDArray
from pynwb.ophys import (
    DfOverF,
    Fluorescence,
    ImageSegmentation,
    OpticalChannel,
    RoiResponseSeries,
)


def write_nwb_traces(
    path: Path,
    traces: NDArray[np.floating] | dict[str, NDArray[np.floating]],
    columns: dict[str, Sequence[Any]] | None = None,
    *,
    masks: Sequence[Any] | None = None,
    pixels: Sequence[Any] | None = None,
    location: str = "Isocortex",
    relative: bool = False,
    **clock: Any,
) -> Path:
    """Write a ``RoiResponseSeries``, or several by name, with a table of ROIs, through pynwb."""
    several = traces if isinstance(traces, dict) else {"traces": traces}
    file = pynwb.NWBFile("areas of a mouse", "m1", datetime(2026, 5, 1, tzinfo=UTC))
    plane = file.create_imaging_plane(
        name="plane",
        optical_channel=OpticalChannel(name="c", description="light", emission_lambda=510.0),
        description="dorsal cortex",
        device=file.create_device("camera"),
        excitation_lambda=470.0,
        indicator="GCaMP6s",
        location=location,
    )
    segmentation = ImageSegmentation()
    table = segmentation.create_plane_segmentation(
        name="rois", description="areas", imaging_plane=plane
    )
    columns = columns or {}
    for name in columns:
        table.add_column(name, name)
    n = next(iter(several.values())).shape[-1]
    n = len(next(iter(columns.values()))) if columns else n
    for i in range(n):
        own = {name: values[i] for name, values in columns.items()}
        if pixels is not None:
            table.add_roi(pixel_mask=pixels[i], **own)
        else:
            table.add_roi(image_mask=np.zeros((2, 2)) if masks is None else masks[i], **own)
    module = file.create_processing_module("ophys", "areas")
    module.add(segmentation)
    kind = (DfOverF if relative else Fluorescence)()
    module.add(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynwb on arrays that lie the other way round
        for name, values in several.items():
            region = table.create_roi_table_region("all", region=list(range(n)))
            kind.add_roi_response_series(
                RoiResponseSeries(
                    name=name, data=values, rois=region, unit="a.u.",
                    **(clock or {"rate": 30.0}),
                )
            )  # fmt: skip
        with pynwb.NWBHDF5IO(path, "w") as output:
            output.write(file)
    return path
