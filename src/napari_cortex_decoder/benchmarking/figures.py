"""The figures, group by group, and what each should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_cortex_decoder.benchmarking import decoding, gpu, maps, movie, training
from napari_cortex_decoder.files import scratch

Measure = Callable[[Path, int], Mapping[str, float]]
"""Gets a folder to write to and a number of frames; gives values by name."""

GROUPS: dict[str, Measure] = {
    "encoder": decoding.encoder,
    "decode": decoding.decode,
    "end-to-end": decoding.end_to_end,
    "cache": decoding.second_decode,
    "first-answer": decoding.first_answer,
    "reading": movie.reading,
    "training": training.training_step,
    "maps": maps.importance,
    "gpu": gpu.gpu,
}

_GOALS = {
    "decode_speedup": (">=", 20.0),
    "decode_speedup_fast": (">=", 40.0),
    "encoder_share_of_gemm_peak_fast": (">=", 0.35),
    "end_to_end_overhead": ("<=", 1.15),
    "second_decode_speedup": (">=", 20.0),
    "time_to_current_frame_s": ("<=", 2.0),
    "largest_difference": ("<=", 1e-4),
    "importance_encodings_over_passes": ("<=", 1.1),
    "importance_fewer_encodings_than_authors": (">=", 10.0),
    "importance_speedup_over_authors": (">=", 10.0),
    "gpu_session_of_18000_frames_s_half": ("<=", 3.0),
}


@dataclass(frozen=True)
class Figure:
    """One measured value."""

    # which; a unit stands at the end of the name, ratios and shares have none
    group: str
    name: str
    value: float  # what was measured
    goal: str = ""  # what it should be, such as ``">= 20"``; empty if nothing was said
    met: bool | None = None  # whether it is; None without a goal


def measure(groups: Iterable[str], frames: int) -> Iterator[Figure]:
    """Measure some groups, one after the other, in a folder that goes afterwards.

    A group gives nothing where this machine has not what it measures.
    """
    for group in groups:
        with scratch() as folder:
            for name, value in GROUPS[group](folder, frames).items():
                yield judged(group, name, float(value))


def judged(group: str, name: str, value: float) -> Figure:
    """Hold a value against what it should be."""
    if name not in _GOALS:
        return Figure(group, name, value)
    relation, bound = _GOALS[name]
    met = value >= bound if relation == ">=" else value <= bound
    return Figure(group, name, value, f"{relation} {bound:g}", met)
