"""The pieces of one evaluation, in its folder: what is looked at, learned, tested and scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np

from napari_cortex_decoder.choices import Protocol
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import LinearConfig
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.candidates import Candidate
from napari_cortex_decoder.evaluation.cases import Case, Looked, look, looked_at, read_arrays
from napari_cortex_decoder.evaluation.linear import LINEAR, learn_linear
from napari_cortex_decoder.evaluation.measures import MouseResult, Tested, measure
from napari_cortex_decoder.evaluation.splits import Fold, Part, Split
from napari_cortex_decoder.evaluation.tasks import Task, do, learn, test
from napari_cortex_decoder.files import read_model, write_json
from napari_cortex_decoder.labels import UNKNOWN
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.runs import RunFolder
from napari_cortex_decoder.training import TrainingConfig


class Work:
    """Does the pieces of an evaluation that its folder lacks."""

    def __init__(
        self,
        folder: RunFolder,
        cases: Sequence[Case],
        executor: Executor | None,
        compute: Compute,
        tell: Report,
    ) -> None:
        self._folder, self._executor, self._compute, self._tell = folder, executor, compute, tell
        self._cases = {case.name: case for case in cases}

    def look(self) -> dict[str, Looked]:
        """Read each session through, by name."""
        files = {
            name: self._folder.place(f"looked/{_digest(case.session.fingerprint)}.npz")
            for name, case in self._cases.items()
        }
        tasks = [Task(file, partial(look, self._cases[n], file)) for n, file in files.items()]
        do(tasks, "looking", self._executor, self._tell)
        return {name: looked_at(file) for name, file in files.items()}

    def split(self, given: str | Path | None, make: Callable[[], Split]) -> Split:
        """Return the split that the folder has, that somebody gives, or that is made."""
        place = self._folder.place("split.json")
        if place.exists() or given is not None:
            file = place if place.exists() else Path(given or "")
            split = read_model(file, Split, None, EvaluationError, remedy="split anew")
        else:
            split = make()
        if not place.exists():
            write_json(place, split.model_dump(mode="json"), EvaluationError)
        return split

    def results(
        self, split: Split, looked: Mapping[str, Looked], candidates: Sequence[Candidate]
    ) -> tuple[tuple[MouseResult, ...], tuple[str, ...]]:
        """Learn, test and score; say what could not be."""
        learning: dict[Path, Task] = {}
        testing: dict[Path, Task] = {}
        places: dict[tuple[str, str, str], Path] = {}
        for one in candidates:
            for fold in _folds(one, split):
                decoder: str | Path = one.source
                if one.config is not None:
                    decoder, work = self._learning(one, one.config, fold)
                    learning[decoder] = Task(decoder, work)
                tuned = [(self._cases[part.session], part) for part in fold.tune]
                for name in {part.session for part in fold.test}:
                    place = self._place("predictions", one, decoder, name, fold.tune, suffix=".npz")
                    given = (decoder, self._cases[name], tuned, place, self._compute)
                    work = partial(test, *given, as_it_is=one.config is None)
                    places[one.name, fold.name, name] = place
                    testing[place] = Task(place, work)
        do(list(learning.values()), "learning", self._executor, self._tell)
        do(list(testing.values()), "testing", self._executor, self._tell)
        results, said = [], []
        for one in candidates:
            for folds in self._together(_folds(one, split), split.protocol):
                found = self._scored(one, folds, places, looked, split)
                if isinstance(found, MouseResult):
                    results.append(found)
                else:
                    said.append(found)
        return tuple(results), tuple(dict.fromkeys(said))

    def _learning(
        self, one: Candidate, config: TrainingConfig, fold: Fold
    ) -> tuple[Path, Callable[[], None]]:
        """Return the file of the decoder of a fold, and what makes it."""
        own = self._of(fold.learn, fold.decide)
        if one.name == LINEAR and isinstance(config.decoder, LinearConfig):
            place = self._place("decoders", one, fold.learn, suffix=".safetensors")
            return place, partial(learn_linear, config.decoder, own, fold.learn, place)
        run = self._place("decoders", one, fold.learn, fold.decide)
        given = (config, own, fold.learn, fold.decide, run, self._compute)
        return run / "decoder.safetensors", partial(learn, *given)

    def _place(self, within: str, one: Candidate, *about: object, suffix: str = "") -> Path:
        """Return the place of what changes with a candidate, the sessions, and something else."""
        stamps = [case.session.fingerprint for case in self._cases.values()]
        return self._folder.place(
            f"{within}/{one.name}-{_digest(one.about, stamps, about)}{suffix}"
        )

    def _of(self, *parts: Sequence[Part]) -> dict[str, Case]:
        return {part.session: self._cases[part.session] for some in parts for part in some}

    def _together(self, folds: Sequence[Fold], protocol: Protocol) -> list[list[Fold]]:
        """Return the folds whose tests are scored together: of one mouse and one kind."""
        found: dict[object, list[Fold]] = {}
        for fold in folds:
            model = fold.name if protocol == "mouse-pairs" else ""
            found.setdefault((self._mouse(fold), fold.kind, fold.at, model), []).append(fold)
        return list(found.values())

    def _mouse(self, fold: Fold) -> str:
        return self._cases[fold.test[0].session].subject

    def _scored(
        self,
        one: Candidate,
        folds: Sequence[Fold],
        places: Mapping[tuple[str, str, str], Path],
        looked: Mapping[str, Looked],
        split: Split,
    ) -> MouseResult | str:
        """Score what was tested of a mouse, or say in a sentence why not."""
        first, parts = folds[0], list[Tested]()
        mouse = self._mouse(first)
        for fold, part in [(one_fold, part) for one_fold in folds for part in one_fold.test]:
            arrays = read_arrays(places[one.name, fold.name, part.session])
            if "why" in arrays:
                return f"{one.name}, {fold.name}: {arrays['why']}"
            names, own = tuple(map(str, arrays["behaviors"])), slice(part.start, part.stop)
            seen = looked[part.session]
            columns = [names.index(b) if b in names else UNKNOWN for b in seen.behaviors]
            labels = np.array([*columns, UNKNOWN])[seen.labels[own]]
            probability = arrays["probability"][own].astype(np.float64)
            parts.append(Tested(probability, labels, seen.mean[own], part.session))
        sessions = tuple(dict.fromkeys(part.session for part in parts))
        found = measure(parts, looked[sessions[0]].frame_rate)
        if found is None:
            return f"mouse {mouse!r} shows one behavior only where {one.name} is tested."
        return MouseResult.model_validate(
            {
                "decoder": one.name,
                "mouse": mouse,
                "model": first.name if split.protocol == "mouse-pairs" else "",
                "kind": first.kind,
                "at": first.at,
                "group": self._cases[sessions[0]].others.get("group", "").strip(),
                "sessions": sessions,
                **found,
            }
        )


def _folds(one: Candidate, split: Split) -> list[Fold]:
    """Return the folds of a candidate: of one that learns nothing, each test but once."""
    if one.config is not None:
        return list(split.folds)
    tests = {(fold.test, fold.tune): fold for fold in reversed(split.folds)}
    return [fold.model_copy(update={"kind": ""}) for fold in reversed(tests.values())]


def _digest(*about: object) -> str:
    return hashlib.sha256(repr(about).encode()).hexdigest()[:16]
