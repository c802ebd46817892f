"""What users do with a movie layer from napari's console, or in a panel that magicgui makes.

Each takes a layer that *File ▸ Open* or the dock has made, and works without the dock. magicgui
reads their annotations, which therefore are types and no text.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pandas as pd
from napari.layers import Image
from napari.qt.threading import FunctionWorker
from napari.types import LayerDataTuple
from qtpy.QtCore import QTimer
from superqt.utils import create_worker

from napari_cortex_decoder.atlas import load_atlas, load_registration
from napari_cortex_decoder.choices import DECODER
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.library import load_decoder
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing import STEPS, Step
from napari_cortex_decoder.sessions.areas import area_traces_of
from napari_cortex_decoder.widgets.atlas.registration_files import guess
from napari_cortex_decoder.widgets.parts.loading import loading
from napari_cortex_decoder.widgets.preprocessing.preprocessing_jobs import preprocessed
from napari_cortex_decoder.widgets.recording.layers import recording_of

StepName = Literal[
    "fill-gaps", "bin", "motion-correction", "delta-f", "hemodynamics", "detrend", "resample"
]
_NAMES = get_args(StepName)
_USUAL: list[StepName] = ["delta-f"]


def preprocess_layer(movie: Image, steps: Iterable[StepName | Step]) -> LayerDataTuple:
    """Return the layer of a preprocessed movie; its frames are computed when they are shown.

    Parameters
    ----------
    movie
        Layer of a recording.
    steps
        In order: steps, or names of steps as they are by default.
    """
    chosen = tuple(STEPS[one]() if isinstance(one, str) else one for one in steps)
    data, shown, kind = preprocessed(_recording(movie), chosen, None, lambda _: None)
    # napari puts a layer of a name that is there in that one's place, which is the raw movie
    return data, shown | {"name": " · ".join([movie.name, *(one.name for one in chosen)])}, kind


def preprocess_in_background(
    movie: Image,
    steps: Annotated[list[StepName], {"widget_type": "Select", "choices": _NAMES}] = _USUAL,
) -> FunctionWorker[LayerDataTuple]:
    """Begin what `preprocess_layer` does, off the window's thread; napari adds the layer.

    Parameters
    ----------
    movie
        Layer of a recording.
    steps
        Names of steps, which are applied as they are by default.
    """
    worker = create_worker(preprocess_layer, movie, steps, _start_thread=False)
    # napari listens to a worker once it has it, and Qt does not keep what a bound method is of
    QTimer.singleShot(0, lambda: worker.start())
    return worker


def decode_layer(
    movie: Image,
    decoder: str = DECODER,
    *,
    registration: Path | None = None,
    device: str = "auto",
    any_rate: bool = False,
) -> Prediction:
    """Return what a decoder reads from the movie of a layer.

    Parameters
    ----------
    movie
        Layer of a recording.
    decoder
        Name of a bundled or kept decoder, or a file.
    registration
        File that says where the atlas lies, for a decoder of areas.
    device
        Where to compute, as `Compute` has it.
    any_rate
        Decode although the frame rates differ.
    """
    with loading():
        loaded = load_decoder(decoder)
    placed = None if registration is None else load_registration(registration)
    return loaded.decode(
        _recording(movie), compute=Compute(device=device), any_rate=any_rate, registration=placed
    )


def area_traces_of_layer(
    movie: Image, registration: Path | None = None, *, dark: float = 0.0
) -> pd.DataFrame:
    """Return the mean of each area over time: a row a frame, indexed by seconds.

    Parameters
    ----------
    movie
        Layer of a recording.
    registration
        File that says where the atlas lies; None: as the recording says, else a first guess.
    dark
        What the camera reads without light, in counts.

    Returns
    -------
    pandas.DataFrame
        One column an area, such as ``"MOp left"``: ΔF/F as a fraction, or the mean of a movie that
        varies around 0 already.
    """
    recording = _recording(movie)
    if registration is not None:
        placed: Any = load_registration(registration)
    else:
        placed = recording.registration or guess(recording, None, load_atlas("dorsal-cortex"))[1]
    found = area_traces_of(recording, placed, dark=dark)
    times = pd.Index(recording.times, name="s")
    return pd.DataFrame(found.values, index=times, columns=found.names)


def _recording(layer: Image) -> Recording:
    recording = recording_of(layer)
    if recording is None:
        raise RecordingError(
            f"layer {layer.name!r} is no recording; open its file with Cortex Decoder."
        )
    return recording
