"""What a figure shows, in the words that a paper puts below it."""

from __future__ import annotations

from napari_cortex_decoder.choices import FILLS, FillName
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.cutout import CutoutImportance
from napari_cortex_decoder.saliency.importance.experiment import Whole
from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
from napari_cortex_decoder.saliency.maps.trace_maps import TraceSaliency

UNITS = {"auc": "AUC lost", "log-odds": "log-odds lost"}


def legend(
    found: AreaImportance | CutoutImportance | SaliencyMaps | OnsetAverage | TraceSaliency,
) -> str:
    """Return the legend of an exported figure: panels, units, n, and what was compared."""
    about = f"What decoder {found.decoder} reads {found.behavior} from"
    if isinstance(found, TraceSaliency):
        return (
            f"{about}. Amount (colors, log-odds) that each area's trace gives at each lag of the "
            f"window, by {found.method}, the most salient areas on top; beside each name its share "
            "of all. No control was made."
        )
    about = f"{about}, in {found.recording}."
    if isinstance(found, OnsetAverage):
        return (
            f"{about} Above: mean of {len(found.onsets)} maps by {found.method} around onsets of "
            f"{found.behavior}, at seconds from the onset; {_map_scale(found)} Below: the "
            "decoder's log-odds, mean of the same onsets."
        )
    if isinstance(found, SaliencyMaps):
        return (
            f"{about} Above: maps by {found.method} of single frames out of {len(found.maps)} in "
            f"a row; {_map_scale(found)} Below: the decoder's log-odds in each scored frame."
        )
    whole, draws = _whole(found.whole), found.settings["draws"]
    if isinstance(found, CutoutImportance):
        return (
            f"{about} {whole} Left: {UNITS[found.whole.score]} where a {found.cut} of "
            f"{found.size} of {found.image_size[0]} px is cut out, at {found.map.size} places, and "
            f"at {len(found.edge)} places of the edge, the control. Right: the same on a frame of "
            f"the movie. p: against the other places, corrected for all (Holm). {found.verdict}"
        )
    fills: tuple[FillName, ...] = tuple(found.by_fill)
    unit, n = UNITS[found.score], len(found.ranked())
    text = (
        f"{about} {whole} Left: {unit} where a target is replaced by {FILLS[fills[0]]} (the most "
        f"important of {n}); lines: 95 % intervals over {draws} draws of bouts, in orange those "
        f"above 0; blue: what {found.settings['patches']} random places are worth, for as many "
        "pixels, on average and 2.5 to 97.5 % of them; p: of as much at such a place, corrected "
        f"for all {n} (Holm). "
    )
    if found.table.get("alone", found.table["importance"] * float("nan")).notna().any():
        auc, low, high = found.retrained
        text += (
            "Middle: AUC of linear decoders that learned anew from the traces of that target alone "
            "(filled) and of all others (open), in bouts that they did not learn from, with 95 % "
            f"intervals over draws of bouts; dashed: of all areas, {auc:.3f} ({low:.3f}–"
            f"{high:.3f}). "
        )
    last = f"Right: {unit} on the movie, in atlas {found.settings['atlas']}."
    return " ".join((text + last, str(found.verdict), *found.redundancy))


def _whole(whole: Whole) -> str:
    score = "AUC" if whole.score == "auc" else "Log-odds"
    return (
        f"{score} {whole.value:.3f} (95 % interval {whole.low:.3f}–{whole.high:.3f}), "
        f"{whole.n_frames} frames of {whole.n_units} bouts."
    )


def _map_scale(found: SaliencyMaps | OnsetAverage) -> str:
    unit = "Grad-CAM" if found.method == "grad-cam" else "log-odds"
    rows, columns = found.grid
    return (
        f"{unit} from −{found.scale:.3g} (blue, against) to {found.scale:.3g} (orange, for), one "
        f"scale for all; {rows} × {columns} places are told apart."
    )
