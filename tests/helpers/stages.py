"""What the tests of labels have in common."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_cortex_decoder.labels import (
    Behavior,
    Bout,
    Edit,
    Erase,
    Ethogram,
    Flip,
    Merge,
    MoveBorder,
    Paint,
    Replace,
    SetBehaviors,
    Source,
    Split,
    Verify,
)
from napari_cortex_decoder.labels.behaviors import with_keys

BEHAVIORS = ("rest", "run", "groom")
NAMED = SetBehaviors(behaviors=(Behavior(name="rest", key="1"), Behavior(name="run", key="2")))
N = 60


def paint(start: int, stop: int, behavior: str = "run") -> Paint:
    """Return the edit that paints a bout."""
    return Paint(start=start, stop=stop, behavior=behavior)


@dataclass
class Clip:
    """The clock of a recording."""

    n_frames: int
    frame_rate: float = 30.0
    name: str = "m1"
    uneven: bool = False

    @property
    def times(self) -> NDArray[np.float64]:
        times = np.arange(self.n_frames) / self.frame_rate
        # the camera stops for two seconds in the middle
        return times + (2.0 * (np.arange(self.n_frames) > self.n_frames // 2) if self.uneven else 0)


def names_of(ethogram: Ethogram) -> list[str]:
    """The behavior of each frame in words, empty where unknown."""
    names = [*ethogram.behaviors, ""]
    return [names[value] for value in ethogram.frames()]


def spans(n_frames: int = N) -> st.SearchStrategy[tuple[int, int]]:
    pairs = st.tuples(st.integers(0, n_frames), st.integers(0, n_frames))
    return pairs.filter(lambda pair: pair[0] != pair[1]).map(lambda pair: tuple(sorted(pair)))


frames = st.integers(0, N - 1)
behaviors = st.sampled_from(BEHAVIORS)
sources = st.sampled_from(list(Source))
behavior_sets = st.lists(behaviors, unique=True, max_size=3).map(
    lambda names: with_keys([Behavior(name=name) for name in names])
)


@st.composite
def some_bouts(draw: st.DrawFn, n_frames: int = N) -> tuple[Bout, ...]:
    """Bouts in order, some of them touching, even ones of the same behavior."""
    cuts = sorted(draw(st.sets(st.integers(0, n_frames), max_size=12)))
    return tuple(
        Bout(start, stop, draw(behaviors), draw(sources))
        for start, stop in pairwise(cuts)
        if draw(st.booleans())
    )


edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(
        lambda span, behavior, source: Paint(
            start=span[0], stop=span[1], behavior=behavior, source=source
        ),
        spans(), behaviors, sources,
    ),
    st.builds(lambda span: Erase(start=span[0], stop=span[1]), spans()),
    st.builds(lambda frame: Split(frame=frame), frames),
    st.builds(lambda frame: Merge(frame=frame), frames),
    st.builds(lambda border, to: MoveBorder(border=border, to=to), frames, frames),
    st.builds(lambda frame, behavior: Flip(frame=frame, behavior=behavior), frames, behaviors),
    st.builds(lambda span: Verify(start=span[0], stop=span[1]), spans()),
    st.builds(lambda bouts: Replace(start=0, stop=N, bouts=bouts), some_bouts()),
    st.builds(lambda kept: SetBehaviors(behaviors=kept), behavior_sets),
)  # fmt: skip
