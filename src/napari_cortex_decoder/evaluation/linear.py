"""The baseline of every evaluation that learns: a linear decoder of areas, fitted in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_cortex_decoder.decoder import LinearConfig, make_decoder
from napari_cortex_decoder.evaluation.cases import Case
from napari_cortex_decoder.evaluation.splits import Part
from napari_cortex_decoder.labels.ethogram import class_indices

LINEAR = "linear"
"""Its name."""


def learn_linear(
    config: LinearConfig, cases: Mapping[str, Case], learned: Sequence[Part], place: Path
) -> None:
    """Fit a linear decoder to parts of sessions, as a fine-tune does; leave its file.

    Strength, reach and detrending are chosen in folds of contiguous blocks inside what is learned
    from. Raises what reading the sessions raises.
    """
    from napari_cortex_decoder.decoder.engine.area_places import locate_areas
    from napari_cortex_decoder.decoder.engine.traces import read_traces
    from napari_cortex_decoder.tuning.linear_fit import REACHES, LinearFit
    from napari_cortex_decoder.tuning.task import AreaTraces

    how = config.preprocessing
    values, labels, learns = [], [], []
    for name in dict.fromkeys(part.session for part in learned):
        recording, ethogram, registration = cases[name].session.load()
        places = locate_areas(how, recording, registration)
        blocks = read_traces(recording, places, how.n_traces)
        values.append(np.concatenate([block for _, block in blocks]))
        labels.append(class_indices(ethogram, config.behaviors))
        own = np.zeros(recording.n_frames, bool)
        for part in learned:
            if part.session == name:
                own[part.start : part.stop] = True
        learns.append(own & (labels[-1] >= 0))
    traces = AreaTraces(how.areas, how.atlas, values, config.frame_rate)
    gap = round(2 * max(REACHES) * config.frame_rate)
    fits = LinearFit(traces, labels, config.behaviors, config, gap)
    (network, fitted), _ = fits.fit(learns, None)
    make_decoder(fitted, network, name=LINEAR).save(place)
