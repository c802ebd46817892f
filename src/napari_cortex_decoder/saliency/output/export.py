"""Results on disk: tables as CSV, everything as JSON, maps as TIFF."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import csv_text, write_whole, written_whole
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.cutout import CutoutImportance
from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
from napari_cortex_decoder.saliency.maps.trace_maps import TraceSaliency
from napari_cortex_decoder.saliency.output.kinds import MARK, RESULTS
from napari_cortex_decoder.saliency.output.legend import legend

Result = AreaImportance | CutoutImportance | SaliencyMaps | OnsetAverage | TraceSaliency


def write_csv(
    result: AreaImportance | CutoutImportance | TraceSaliency,
    path: str | Path,
    *,
    overwrite: bool = False,
) -> None:
    """Write one row an area, a cutout, or an area and lag; an empty cell is a missing value.

    Such a table is replaced; any other file only where `overwrite` allows it. Raises DecoderError
    if the file cannot be written.
    """
    if isinstance(result, AreaImportance):
        text = result.table.to_csv(index=False, float_format="%.7g", lineterminator="\n")
    elif isinstance(result, TraceSaliency):
        rows = [["area", "lag", "amount", "signed"]]
        for (i, j), amount in np.ndenumerate(result.amount):
            figures = (f"{x:.7g}" for x in (amount, result.signed[i, j]))
            rows.append([result.areas[j], str(result.lags[i]), *figures])
        text = csv_text(rows)
    else:
        rows = [["row", "column", "importance", "low", "high", "p"]]
        for (i, j), value in np.ndenumerate(result.map):
            places = (result.rows[i], result.columns[j])
            found = (value, result.low[i, j], result.high[i, j], result.p[i, j])
            rows.append(["" if np.isnan(x) else f"{x:.7g}" for x in (*places, *found)])
        text = csv_text(rows)
    write_whole(path, text, DecoderError, kind=RESULTS[".csv"], overwrite=overwrite)


def write_json(
    result: Result, path: str | Path, checked: str = "", *, overwrite: bool = False
) -> None:
    """Write what must be known to compute the result again and to trust it, and a figure's legend.

    `checked` is what controls say of maps. See `write_csv`. Raises DecoderError if the file cannot
    be written.
    """
    about = describe(result, checked)
    content = json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, content, DecoderError, kind=RESULTS[".json"], overwrite=overwrite)


def describe(result: Result, checked: str = "") -> dict[str, Any]:
    """Put a result into words and numbers that JSON can hold; NaN becomes null."""
    about: dict[str, Any] = {"decoder": result.decoder, "behavior": result.behavior}
    about |= {"legend": legend(result), "verdict": checked, "whole": None}
    if isinstance(result, AreaImportance | CutoutImportance):
        about |= {"verdict": asdict(result.verdict), "whole": _plain(asdict(result.whole))}
    if isinstance(result, AreaImportance):
        about |= {
            "redundancy": list(result.redundancy),
            "retrained_auc": _plain(result.retrained),
            "together": [_plain(row) for row in result.together.to_dict("records")],
            "areas": [_plain(row) for row in result.table.to_dict("records")],
            "retest_correlation": _plain(result.retest),
            "fills_agreement": _plain(result.agreement),
            "by_fill": {name: _plain(values) for name, values in result.by_fill.items()},
            "encodings": result.encodings,
        }
    elif isinstance(result, CutoutImportance):
        about |= {
            "cutout": {"shape": result.cut, "size_px": result.size, "step_px": result.step},
            "image_size_px": list(result.image_size),
            "rows_px": _plain(result.rows),
            "columns_px": _plain(result.columns),
            "importance": _plain(result.map),
            "p": _plain(result.p),
            "edge_control": _plain(result.edge),
        }
    elif isinstance(result, TraceSaliency):
        table = [_plain(row) for row in result.table.to_dict("records")]
        about |= {"method": result.method, "areas": table}
    if not isinstance(result, TraceSaliency):
        about |= {"recording": result.recording, "settings": _plain(result.settings)}
    if isinstance(result, SaliencyMaps | OnsetAverage):
        about |= about_maps(result)
    packages = ("napari-cortex-decoder", "torch", "captum", "numpy")
    return about | {
        "warnings": list(result.warnings),
        "software": {"python": platform.python_version()} | {n: version(n) for n in packages},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def about_maps(result: SaliencyMaps | OnsetAverage) -> dict[str, Any]:
    """Say of what maps are and how they were made, as JSON can hold it."""
    frames: dict[str, Any]
    if isinstance(result, SaliencyMaps):
        frames = {
            "first_frame": int(result.frames[0]),
            "scored": list(result.scored),
            "completeness_gap": _plain(result.gap),
        }
    else:
        frames = {"first_lag": int(result.lags[0]), "onsets": result.onsets.tolist()}
    return frames | {
        "method": result.method,
        "behavior": result.behavior,
        "scale": result.scale,
        "grid": list(result.grid),
        "decoder": result.decoder,
        "recording": result.recording,
        "settings": _plain(result.settings),
        "warnings": list(result.warnings),
    }


def write_tiff(
    result: SaliencyMaps | OnsetAverage, path: str | Path, *, overwrite: bool = False
) -> None:
    """Write maps, shape (n, y, x), as a float32 TIFF stack; its description says of what.

    Such a stack is replaced; any other file only where `overwrite` allows it. Raises DecoderError
    if the file cannot be written.
    """
    import tifffile

    about = {"axes": "TYX"} | about_maps(result)
    with written_whole(path, DecoderError, kind=RESULTS[".tif"], overwrite=overwrite) as part:
        tifffile.imwrite(
            part, result.maps, byteorder="<", photometric="minisblack", compression="zlib",
            software=MARK, metadata=about,
        )  # fmt: skip


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays into Python's, and NaN into None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
