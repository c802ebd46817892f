"""The decoders of an evaluation: those that are learned in it, and those that are tested as are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.decoder.config import ARCHITECTURES, TraceConfig
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.cases import Looked, areas_in_all, behaviors_of
from napari_cortex_decoder.evaluation.linear import LINEAR
from napari_cortex_decoder.training import TrainingConfig, read_config
from napari_cortex_decoder.training.config import parse_config
from napari_cortex_decoder.tuning.linear_fit import REACHES


@dataclass(frozen=True)
class Candidate:
    """A decoder that is evaluated."""

    name: str
    source: str  # as it was given: a file, a bundled name, an architecture
    about: str  # changes when what is learned, or the decoder, changes
    window_seconds: float  # how far a prediction sees to one side
    config: TrainingConfig | None = None  # None: it is tested as it is
    simulated: bool = False  # whether it learned from simulated mice


def candidates_of(
    names: Sequence[str | Path], looked: Mapping[str, Looked], epochs: int | None, seed: int
) -> tuple[Candidate, ...]:
    """Return what is evaluated, and the linear baseline beside those that learn.

    Raises TrainingError if settings of a training are unusable, DecoderError if a decoder is;
    EvaluationError if the cohort's frame rates differ, or two have one name.
    """
    found = [_candidate(str(name), looked, epochs, seed) for name in names]
    if (
        areas_in_all(looked)[1]
        and any(one.config for one in found)
        and LINEAR not in map(str, names)
    ):
        found.append(_candidate(LINEAR, looked, None, seed))
    every = [one.name for one in found]
    if len(set(every)) < len(every):
        raise EvaluationError(f"two of {every} have one name; give each decoder once.")
    return tuple(found)


def _candidate(name: str, looked: Mapping[str, Looked], epochs: int | None, seed: int) -> Candidate:
    if name in ARCHITECTURES:
        asked = {
            "architecture": name,
            "behaviors": behaviors_of(looked),
            "frame_rate": _rate(looked),
        }
        config = parse_config({"decoder": asked, "seed": seed}, name)
    elif Path(name).suffix in (".toml", ".json"):
        config = read_config(name)
    else:
        ready = load_decoder(name)
        seconds = max(ready.window.past, ready.window.future) / ready.frame_rate
        return Candidate(
            ready.name, name, ready.hash, seconds, simulated=ready.provenance.simulated
        )
    decoder, (atlas, areas) = config.decoder, areas_in_all(looked)
    if isinstance(decoder, TraceConfig) and config.all_areas and not decoder.preprocessing.areas:
        how = decoder.preprocessing.model_copy(update={"atlas": atlas, "areas": areas})
        config = config.model_copy(
            update={"decoder": decoder.model_copy(update={"preprocessing": how})}
        )
    if epochs is not None:
        stages = [one.model_copy(update={"epochs": epochs}) for one in config.usual_stages]
        config = config.model_copy(update={"stages": tuple(stages)})
    seen = config.decoder.window
    seconds = max(seen.past, seen.future) / config.decoder.frame_rate
    seconds = max(REACHES) if name == LINEAR else seconds
    return Candidate(Path(name).stem, name, config.model_dump_json(), seconds, config)


def _rate(looked: Mapping[str, Looked]) -> float:
    """Return the frame rate of the cohort."""
    rates = {name: one.frame_rate for name, one in looked.items()}
    low, high = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if rates[high] > 1.1 * rates[low]:
        raise EvaluationError(
            f"session {low!r} has {rates[low]:g} frames a second and {high!r} {rates[high]:g}; "
            "resample them to one rate (`cortex-decoder preprocess`) to learn from both."
        )
    return sorted(rates.values())[len(rates) // 2]
