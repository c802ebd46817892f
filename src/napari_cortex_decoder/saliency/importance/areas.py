"""Area importance: what a decoder loses without an area, with its interval and its control."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import SCORES, FillName, ScoreName, check_choice
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.engine.area_places import registration_of
from napari_cortex_decoder.errors import AtlasError, DecoderError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Cancelled, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.carried import read_anew
from napari_cortex_decoder.saliency.importance.experiment import Experiment
from napari_cortex_decoder.saliency.importance.search import Meter, Search
from napari_cortex_decoder.saliency.masking.fills import check_fills
from napari_cortex_decoder.saliency.masking.frames import labelled
from napari_cortex_decoder.saliency.masking.regions import (
    Targets,
    choose_targets,
    families,
    member_masks,
)
from napari_cortex_decoder.saliency.options import ScoreOptions
from napari_cortex_decoder.scoring.correlation import correlation

Floats = NDArray[np.float64]

_CEILING = 0.98
"""From this AUC on, in simulated mice whose truth is known, the second of its losses is noise."""


def area_importance(
    decoder: Decoder,
    recording: Recording,
    registration: Registration | None = None,
    ethogram: Ethogram | None = None,
    behavior: str = "run",
    *,
    targets: Targets = "areas",
    score: ScoreName = "auc",
    fills: Sequence[FillName] = ("mean",),
    patches: int | None = None,
    **scoring: Unpack[ScoreOptions],
) -> AreaImportance:
    """Measure what a decoder loses when an area is taken from it.

    In every frame and channel the area's pixels are replaced, nothing is trained anew (Ajioka et
    al. 2024 do so with squares), and the score is taken again. Each masked frame is encoded once
    for each area, and shared by the windows that see it.

    Parameters
    ----------
    decoder
        Of images, or of area traces: what is missing is missing from the movie that the traces
        are measured on.
    recording
        Movie of any length; it is streamed.
    registration
        Where the atlas lies on the movie; None: the recording says it, as traces do.
    ethogram
        Labels. None: the score is the mean log-odds, counted in favour of what the decoder says.
    behavior
        One of the decoder's.
    targets
        What is taken at once: ``"areas"``, ``"pairs"`` (an area of both sides), ``"hemispheres"``,
        or groups by name. Areas are collinear, so a group may be worth more than all its parts.
    score
        With labels, what is lost: ``"auc"`` of the behaviour against all else that is labelled; or
        ``"log-odds"``, their mean in frames of the behaviour less that in the others. An AUC near
        1 has a ceiling: of areas that say the same none seems to matter, while log-odds still
        tell what each adds.
    fills
        What stands there instead; of several, the first makes the table and all are compared.
    patches
        Random places of the areas' sizes and shapes, in all; 0 for none. None: 12, of a decoder of
        area traces 30. Fewer than ten tell too little of how places differ for a verdict that
        holds.
    **scoring
        See `ScoreOptions`: frames, draws, seed, compute, any_rate, progress.

    Raises
    ------
    DecoderError
        If the decoder does not know the behaviour, a fill or the score is unknown, or a fill is
        ``"blurred"`` and the decoder reads area traces.
    LabelError
        If the labels do not fit, or hold one class only.
    AtlasError
        If no area lies on the movie, or a group names an area that is not there.
    RecordingError, FrameRateError, DeviceError
        As for `Decoder.decode`.
    """
    meter = scoring["progress"] = Meter(scoring.get("progress") or unheard)
    check_fills(tuple(fills))
    check_choice("score", score, SCORES, DecoderError)
    registration = registration_of(recording, registration)
    if registration is None:
        raise AtlasError(
            f"{recording.path or recording.name}: nothing says where the atlas lies on it; give a "
            "registration."
        )
    chosen = choose_targets(registration.atlas, targets)
    experiment = Experiment(
        decoder, recording, ethogram, behavior, registration=registration, score=score, **scoring
    )
    masked = experiment.masked
    members = member_masks(registration, masked.resampling, recording.shape)
    groups = families(chosen) if targets in ("areas", "pairs") else {}
    search = Search(experiment, chosen, members, fills, patches, meter, groups)
    anew = np.full((2 * len(chosen) + 1, 3), np.nan)
    warnings = [*masked.warnings, *registration.warnings, *experiment.said]
    try:
        search.run(behavior)
        if ethogram is not None:
            every = np.arange(recording.n_frames)
            labels = labelled(ethogram, behavior, every, recording.n_frames)
            read = read_anew(recording, registration, chosen, *labels, experiment.scored, meter)
            anew = anew if read is None else experiment.auc_of(read)
    except Cancelled:
        if not meter.found:
            raise
        warnings.append(
            f"Stopped when {len(meter.found)} of {len(search.seen)} were measured, "
            f"{int((search.frames == len(experiment.scored)).sum())} of them on all frames."
        )
    whole, table = experiment.whole(), search.table()
    for name, found in zip(("alone", "others"), np.split(anew[1:], 2), strict=True):
        table[[name, f"{name}_low", f"{name}_high"]] = found
    outside = [one.label for one, n in zip(chosen, table["pixels"], strict=True) if not n]
    if decoder.provenance.simulated:
        warnings.append(
            f"decoder {decoder.name!r} learned from simulated mice: what it reads from a real one "
            "may be nothing."
        )
    if experiment.score == "auc" and whole.value > _CEILING:
        warnings.append(
            f"The AUC, {whole.value:.3f}, is near its ceiling, where of areas that say the same "
            "none seems to matter; score by log-odds to tell what each adds."
        )
    if outside:
        warnings.append(f"Outside the movie, so not measured: {', '.join(outside)}.")
    return AreaImportance(
        table=table,
        behavior=behavior,
        score=experiment.score,
        whole=whole,
        by_fill=search.by_fill,
        agreement=_lowest_agreement(list(search.by_fill.values())),
        halves=search.halves,
        retest=correlation(*search.halves[:, np.isfinite(search.halves[0])]),
        encodings=masked.encodings,
        decoder=decoder.name,
        recording=recording.name,
        targets=chosen,
        settings={
            **experiment.settings,
            "atlas": registration.atlas.name,
            "targets": {target.label: list(target.members) for target in chosen},
            "fills": list(fills),
            "patches": search.n_patches,
            "image_size": list(masked.resampling.image_size),
        },
        warnings=tuple(warnings),
        retrained=tuple(anew[0].tolist()),
        together=search.together(),
    )


def _lowest_agreement(columns: Sequence[Floats]) -> float:
    known = np.isfinite(columns).all(axis=0)
    found = [correlation(a[known], b[known]) for a, b in combinations(columns, 2)]
    return min(found) if found else np.nan
