"""Recordings as OME-Zarr: a folder of chunks that other programs open too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.preprocessing.pipeline import with_equal_reference
from napari_cortex_decoder.recording.provenance import PROGRAM, is_provenance, provenance_text
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.saving.blocks import CHUNK_FRAMES, colors_in_blocks

ARRAY, TIMES = "0", "frame_times"


def write_zarr(recording: Recording, path: Path, progress: Report | None) -> None:
    """Write OME-Zarr 0.5 (Zarr 3), block by block: axes t, y, x, or t, c, y, x with a reference.

    Frame times that a scale cannot tell are the array ``frame_times`` (s), of both colors in turns
    where the reference was filmed at other times; the attribute ``napari-cortex-decoder`` tells the
    steps. If it cannot be written that raises `OSError`.
    """
    import zarr

    recording = with_equal_reference(recording)
    movie, reference = recording.movie, recording.reference
    dtype = movie.dtype if reference is None else np.result_type(movie, reference)
    n_frames, rows, columns = movie.shape
    colors = () if reference is None else (2,)
    frames = min(n_frames, CHUNK_FRAMES)
    group = zarr.open_group(str(path), mode="w-", zarr_format=3)
    array = group.create_array(
        ARRAY,
        shape=(n_frames, *colors, rows, columns),
        chunks=(frames, *(1 for _ in colors), rows, columns),
        dtype=dtype,
        dimension_names=("t", *("c" for _ in colors), "y", "x"),
    )
    lagging = recording.frame_rate is not None and bool(recording.reference_lag)
    if recording.frame_times is not None or lagging:
        clocks = [recording.times, *([recording.reference_times] if lagging else [])]
        seconds = np.stack(clocks, axis=1).ravel()
        group.create_array(TIMES, data=seconds, dimension_names=("t",))
    group.attrs.update({"ome": _ome(recording), PROGRAM: provenance_text(recording)})
    for part, blocks in colors_in_blocks(recording, progress):
        for color, block in enumerate(blocks):
            # a chunk at a time: of several, the others would go on being written after one failed
            for start in range(part.start // frames * frames, part.stop, frames):
                first, stop = max(start, part.start), min(start + frames, part.stop)
                piece = block[first - part.start : stop - part.start]
                array[(slice(first, stop), *(color for _ in colors))] = piece


def is_zarr_of_ours(folder: Path) -> bool:
    """Return whether `write_zarr` wrote a folder, and nothing else came into it since."""
    try:
        about = json.loads((folder / "zarr.json").read_bytes())["attributes"][PROGRAM]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    within = (file.relative_to(folder) for file in folder.rglob("*") if not file.is_dir())
    return is_provenance(about) and all(map(_is_of_zarr, within))


def _is_of_zarr(file: Path) -> bool:
    """Return, by its name, whether a file is an array's description or a chunk: ``0/c/3/0/0``."""
    array, chunk = file.parts[0], file.parts[1:]
    if file.name == "zarr.json":
        return file.parent.name in ("", ARRAY, TIMES)
    return array in (ARRAY, TIMES) and chunk[0] == "c" and all(p.isdecimal() for p in chunk[1:])


def _ome(recording: Recording) -> dict[str, object]:
    """Metadata of the one resolution level: axes, their units, their scales."""
    axes: list[dict[str, str]] = [{"name": "t", "type": "time"}]
    scale = [1.0]
    if recording.frame_rate is not None:
        axes[0]["unit"] = "second"
        scale[0] = 1 / recording.frame_rate
    if recording.reference is not None:
        axes.append({"name": "c", "type": "channel"})
        scale.append(1.0)
    for name in "yx":
        axis = {"name": name, "type": "space"}
        if recording.pixel_size is not None:
            axis["unit"] = "millimeter"
        axes.append(axis)
        scale.append(recording.pixel_size or 1.0)
    dataset = {"path": ARRAY, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    image = {"name": recording.name, "axes": axes, "datasets": [dataset]}
    return {"version": "0.5", "multiscales": [image]}
