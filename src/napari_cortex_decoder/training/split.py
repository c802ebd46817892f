"""Which mice a run learns from, which it stops by, and which it is tested on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.settings import Frozen
from napari_cortex_decoder.training.config import SplitRule


class Split(Frozen):
    """Names of mice; each is in one group only."""

    training: tuple[str, ...]  # for the first stage, and for all if there is no `head`
    head: tuple[str, ...] = ()  # for the stages after the first
    # they decide when to stop, which weights to keep, and the temperature
    validation: tuple[str, ...]
    test: tuple[str, ...] = ()  # they only give the metrics


def split_mice(subjects: Sequence[str], rule: SplitRule, seed: int) -> Split:
    """Return the part of each mouse.

    Raises TrainingError if a named mouse is not there or named twice, or too few are left to learn
    from.
    """
    mice = sorted(set(subjects))
    named: dict[str, tuple[str, ...]] = {}
    parts = ("validation", "test", "head")
    for part in parts:
        wanted = getattr(rule, part)
        if isinstance(wanted, tuple):
            named[part] = wanted
    everybody = [mouse for part in named.values() for mouse in part]
    for mouse in everybody:
        if mouse not in mice:
            raise TrainingError(f"split: there is no mouse {mouse!r}; the cohort has {mice}.")
        if everybody.count(mouse) > 1:
            raise TrainingError(f"split: mouse {mouse!r} is named twice; a mouse does one thing.")
    free = [mouse for mouse in mice if mouse not in everybody]
    free = [free[i] for i in np.random.default_rng(seed).permutation(len(free))]
    asked = 0
    for part in parts:
        wanted = getattr(rule, part)
        if not isinstance(wanted, tuple):
            named[part] = tuple(sorted(free[asked : asked + wanted]))
            asked += wanted
    if asked >= len(free) or not named["validation"]:
        raise TrainingError(
            f"the cohort has {len(mice)} {'mouse' if len(mice) == 1 else 'mice'}, and the split "
            f"asks for {len(named['validation']) or 'at least 1'} for validation, "
            f"{_count(rule.test)} for testing, {_count(rule.head)} for the head and at least 1 to "
            "learn from; add mice or ask for fewer (split.test may be 0)."
        )
    return Split(
        training=tuple(sorted(free[asked:])),
        head=named["head"],
        validation=named["validation"],
        test=named["test"],
    )


def _count(wanted: int | tuple[str, ...]) -> int:
    return wanted if isinstance(wanted, int) else len(wanted)
