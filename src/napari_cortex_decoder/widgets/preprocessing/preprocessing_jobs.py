"""What the group *Preprocessing* has done in threads: recordings made, and described as layers."""

from __future__ import annotations

from pathlib import Path

from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import Recording, cached, open_recording, preprocess
from napari_cortex_decoder.recording.preprocessing import Bin, Step
from napari_cortex_decoder.recording.sidecar import relative_to
from napari_cortex_decoder.sessions import remembering
from napari_cortex_decoder.widgets.recording.layers import LayerData, layer_of


def shown_raw(raw: Recording, report: Report) -> LayerData:
    """Describe the layer of a recording that is to be shown without steps from now on."""
    return layer_of(remembering(raw, steps=()))


def preprocessed(
    raw: Recording, steps: tuple[Step, ...], keep_at: Path | None, report: Report
) -> LayerData:
    """Preprocess a recording, and describe its layer.

    `keep_at` is the recording beside which frames are kept; without, they are computed when looked
    at.
    """
    done = preprocess(raw, steps, progress=report)
    if keep_at is not None:
        kept = cached(done.replace(path=keep_at), progress=report)
        done = kept.replace(path=raw.path)
    made = done.steps[len(raw.steps) :]
    return layer_of(remembering(done, steps=made, cached=keep_at is not None))


def with_reference(raw: Recording, path: Path, report: Report) -> LayerData:
    """Return a recording with its reference from another file."""
    both = raw.with_reference(open_recording(path, frame_rate=raw.frame_rate))
    # if they do not fit, that is told now and not by a step that needs it
    preprocess(both, [Bin(pixels=1)])
    if raw.path is not None:
        both = remembering(both, reference=relative_to(raw.path, path), turns=False)
    return layer_of(both)


def split_colors(path: Path, report: Report) -> LayerData:
    """Open a recording again, as one of two colours that the camera took in turns."""
    both = open_recording(path, channels=2)
    return layer_of(remembering(both, turns=True, reference=None))
