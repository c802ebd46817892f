"""Who is learned from and who is tested: by protocol, written down, and refused where it leaks.

A frame is like its neighbors, a mouse like itself: so nothing is split frame by frame. Between what
is learned from and what is tested lie as many seconds as a window sees and as signals remember.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, permutations

import numpy as np

from napari_cortex_decoder.choices import Protocol
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.cases import Case, Looked
from napari_cortex_decoder.settings import Frozen

_MOST_GAP = 0.1  # of a recording: what remembers longer than that cannot be told from drift


class Part(Frozen):
    """A stretch of one session: its name, first frame, and the frame after the last one."""

    session: str
    start: int
    stop: int


class Fold(Frozen):
    """What is learned from, and what is tested."""

    name: str
    test: tuple[Part, ...]
    learn: tuple[Part, ...] = ()  # none: the decoder is tested as it is
    decide: tuple[Part, ...] = ()  # decides when to stop, which weights are kept, the temperature
    tune: tuple[Part, ...] = ()  # what it is fine-tuned on afterwards
    kind: str = ""  # of the decoder, where a protocol compares several: ``"personal"``
    at: float | None = None  # place on the curve of a protocol: minutes of labels, or days


class Split(Frozen):
    """All folds of a protocol, and the recordings that they are of."""

    protocol: Protocol
    gap_seconds: float
    recordings: dict[str, str]  # digest of the frames of each session
    folds: tuple[Fold, ...]
    said: tuple[str, ...] = ()  # what could not be done, one sentence each


def gap_of(looked: Iterable[Looked], window_seconds: float) -> float:
    """Return seconds between what is learned from and what is tested: a window and the memory.

    Memory counts up to a tenth of a recording.
    """
    memory = [min(one.memory, _MOST_GAP * one.n_frames / one.frame_rate) for one in looked]
    return window_seconds + max(memory, default=0.0)


def make_split(
    protocol: Protocol,
    cases: Sequence[Case],
    looked: Mapping[str, Looked],
    *,
    window_seconds: float,
    learns: bool,
    blocks: int = 5,
    minutes: Sequence[float] = (1, 2, 5),
) -> Split:
    """Split a cohort by a protocol.

    Raises EvaluationError if the cohort has too few mice, sessions or dates for it.

    Parameters
    ----------
    protocol
        One of `PROTOCOLS`.
    cases, looked
        The sessions, and what is known of each, by name.
    window_seconds
        What a decoder sees at most around a frame.
    learns
        Whether any decoder learns here; else there is no more than one to be tested as it is.
    blocks
        Of a recording, ``"within"``.
    minutes
        Of labels, ``"transfer"``; nothing is added: the decoder as it is.
    """
    gap = gap_of(looked.values(), window_seconds)
    whole = {c.name: Part(session=c.name, start=0, stop=looked[c.name].n_frames) for c in cases}
    mice: dict[str, list[Part]] = {}
    for case in cases:
        mice.setdefault(case.subject, []).append(whole[case.name])
    frames = {name: round(gap * one.frame_rate) for name, one in looked.items()}
    if protocol == "transfer":
        made = _transfer(mice, looked, frames, minutes)
    elif protocol == "ageing":
        made = _ageing(cases, whole, mice, frames)
    elif not learns:
        made = (Fold(name=mouse, test=tuple(own)) for mouse, own in mice.items())
    elif protocol == "within":
        made = _within(whole.values(), looked, frames, blocks)
    elif protocol == "across-sessions":
        made = _across_sessions(mice, frames)
    else:
        made = _across_mice(mice, pairs=protocol == "mouse-pairs")
    folds, left_out = [], list[str]()
    for fold in made:
        missing = _missing(fold, looked)
        if missing and fold.learn:
            left_out.append(f"{fold.name}: {missing}")
        else:
            folds.append(fold)
    if not folds:
        raise EvaluationError(
            f"the cohort has nothing for the protocol {protocol!r} "
            f"({left_out[0] if left_out else 'no fold can be made'}); label more, or choose "
            "another one."
        )
    said = [f"{len(left_out)} of {len(left_out) + len(folds)} folds are left out, such as "
            f"{left_out[0]}."] if left_out else []  # fmt: skip
    tried = {fold.at for fold in folds}
    if protocol == "transfer" and (short := [m for m in minutes if m not in tried]):
        said.append(f"No first session has {', '.join(f'{m:g}' for m in short)} min to tune on.")
    return Split(
        protocol=protocol,
        gap_seconds=round(gap, 3),
        recordings={name: one.digest for name, one in looked.items()},
        folds=tuple(folds),
        said=tuple(said),
    )


def check_split(split: Split, cases: Sequence[Case], looked: Mapping[str, Looked]) -> None:
    """Refuse a split that leaks, or that is of another cohort.

    Raises EvaluationError if the same recording, or the same mouse where a protocol forbids it, is
    on both sides, or what is tested lies closer to what is learned from than `gap_seconds`.
    """
    subjects = {case.name: case.subject for case in cases}
    for name, digest in split.recordings.items():
        if name not in looked:
            raise EvaluationError(f"the split names session {name!r}, and the cohort has none.")
        if looked[name].digest != digest:
            raise EvaluationError(
                f"session {name!r} is another recording than the one that was split; split anew."
            )
    for fold in split.folds:
        learned = *fold.learn, *fold.decide, *fold.tune
        for part in (*fold.test, *learned):
            if part.session not in looked or not (
                0 <= part.start < part.stop <= looked[part.session].n_frames
            ):
                raise EvaluationError(
                    f"fold {fold.name!r}: {part} is no stretch of a session of the cohort."
                )
        for tested in fold.test:
            for other in learned:
                _check_pair(split, fold, tested, other, subjects, looked)


def _check_pair(
    split: Split,
    fold: Fold,
    tested: Part,
    other: Part,
    subjects: Mapping[str, str],
    looked: Mapping[str, Looked],
) -> None:
    one, two = tested.session, other.session
    if one != two and looked[one].digest == looked[two].digest:
        raise EvaluationError(
            f"fold {fold.name!r} leaks: sessions {one!r} and {two!r} are the same recording, on "
            "both sides; remove one of them from the cohort."
        )
    same_mouse = subjects[one] == subjects[two]
    if same_mouse and other not in fold.tune and split.protocol in (
        "across-mice", "mouse-pairs", "transfer"
    ):  # fmt: skip
        raise EvaluationError(
            f"fold {fold.name!r} leaks: mouse {subjects[one]!r} is learned from and tested "
            f"({one!r}, {two!r}); this protocol is about mice that were not learned from."
        )
    apart = max(tested.start - other.stop, other.start - tested.stop) / looked[one].frame_rate
    if one == two and apart < split.gap_seconds - 1 / looked[one].frame_rate:
        raise EvaluationError(
            f"fold {fold.name!r} leaks: in session {one!r} frames {tested.start}–{tested.stop} are "
            f"tested and {other.start}–{other.stop} learned from, {max(apart, 0):.1f} s apart; "
            f"leave {split.gap_seconds:.1f} s between them. Frames split at random always leak."
        )


def _within(
    parts: Iterable[Part], looked: Mapping[str, Looked], gaps: Mapping[str, int], blocks: int
) -> Iterator[Fold]:
    for whole in parts:
        borders = np.linspace(0, whole.stop, blocks + 1).astype(int).tolist()
        cut = [Part(session=whole.session, start=a, stop=b) for a, b in pairwise(borders)]
        for i, test in enumerate(cut):
            following = [*cut[i + 1 :], *cut[:i]]
            # the next one that shows all there is; any, if none does, and the fold is left out
            decide = max(following, key=lambda part: len(shown(part, looked)))
            rest = [part for part in cut if part not in (test, decide)]
            gap = gaps[whole.session]
            yield Fold(
                name=f"{whole.session}, block {i + 1}",
                test=(test,),
                learn=_apart(_apart(rest, decide, gap), test, gap),
                decide=_apart([decide], test, gap),
            )


def _across_sessions(mice: Mapping[str, list[Part]], gaps: Mapping[str, int]) -> Iterator[Fold]:
    if all(len(own) < 2 for own in mice.values()):
        raise EvaluationError(
            "no mouse of the cohort has two sessions, which 'across-sessions' needs; choose "
            "'within' or 'across-mice'."
        )
    for own in mice.values():
        for test in own if len(own) > 1 else ():
            others = [part for part in own if part is not test]
            learn, decide = _with_decision(others, gaps)
            yield Fold(name=test.session, test=(test,), learn=learn, decide=decide)


def _across_mice(mice: Mapping[str, list[Part]], *, pairs: bool) -> Iterator[Fold]:
    names = list(mice)
    if len(names) < 3:
        raise EvaluationError(
            f"the cohort has {len(names)} {'mouse' if len(names) == 1 else 'mice'}, and testing "
            "across mice needs three: one to learn from, one to decide when to stop, one to test."
        )
    following = zip(names, [*names[1:], names[0]], strict=True)
    for test, decides in permutations(names, 2) if pairs else following:
        yield Fold(
            name=f"{test}, {decides} decides" if pairs else test,
            test=tuple(mice[test]),
            learn=tuple(p for name in names if name not in (test, decides) for p in mice[name]),
            decide=tuple(mice[decides]),
        )


def _transfer(
    mice: Mapping[str, list[Part]],
    looked: Mapping[str, Looked],
    gaps: Mapping[str, int],
    minutes: Sequence[float],
) -> Iterator[Fold]:
    for fold in _across_mice(mice, pairs=False):
        first = fold.test[0]
        rate = looked[first.session].frame_rate
        fitting = [given for given in minutes if round(60 * given * rate) <= first.stop]
        begins = round(60 * max(fitting, default=0) * rate) + gaps[first.session]
        left = fold.test[1:]
        if begins < first.stop:
            left = (Part(session=first.session, start=begins, stop=first.stop), *left)
        for given in (0.0, *fitting):
            stop = round(60 * given * rate)
            tune = (Part(session=first.session, start=0, stop=stop),) if given else ()
            name = f"{fold.name}, {given:g} min"
            yield fold.model_copy(update={"name": name, "test": left, "tune": tune, "at": given})


def _ageing(
    cases: Sequence[Case],
    whole: Mapping[str, Part],
    mice: Mapping[str, list[Part]],
    gaps: Mapping[str, int],
) -> Iterator[Fold]:
    dates = {case.name: case.date for case in cases}
    undated = [name for name, day in dates.items() if day is None]
    if undated:
        raise EvaluationError(
            f"session {undated[0]!r} has no date, and 'ageing' is about days; fill in the column "
            "'date' of the cohort."
        )
    for mouse in mice:
        own = sorted((c for c in cases if c.subject == mouse), key=lambda c: str(dates[c.name]))
        first = dates[own[0].name]
        early = [whole[c.name] for c in own if dates[c.name] == first]
        learn, decide = _with_decision(early, gaps)
        others = [name for name in mice if name != mouse]
        for case in own[len(early) :]:
            day, test = dates[case.name], (whole[case.name],)
            assert first is not None and day is not None  # refused above
            at = float((day - first).days)
            yield Fold(
                name=f"{case.name}, personal", test=test, learn=learn, decide=decide,
                kind="personal", at=at,
            )  # fmt: skip
            if len(others) > 1:
                yield Fold(
                    name=f"{case.name}, pooled",
                    test=test,
                    learn=tuple(part for name in others[1:] for part in mice[name]),
                    decide=tuple(mice[others[0]]),
                    kind="pooled",
                    at=at,
                )


def _with_decision(
    parts: Sequence[Part], gaps: Mapping[str, int]
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Keep the last of several sessions, or the last quarter of one, for deciding."""
    if len(parts) > 1:
        return tuple(parts[:-1]), tuple(parts[-1:])
    (whole,) = parts
    decide = whole.model_copy(update={"start": whole.stop - whole.stop // 4})
    return _apart(parts, decide, gaps[whole.session]), (decide,)


def _apart(parts: Sequence[Part], other: Part, gap: int) -> tuple[Part, ...]:
    """Cut from parts what lies in another one of the same session, or closer to it than a gap."""
    left = []
    for part in parts:
        if part.session != other.session:
            left.append(part)
            continue
        before = part.start, min(part.stop, other.start - gap)
        behind = max(part.start, other.stop + gap), part.stop
        left += [
            Part(session=part.session, start=start, stop=stop)
            for start, stop in (before, behind)
            if start < stop
        ]
    return tuple(left)


def _missing(fold: Fold, looked: Mapping[str, Looked]) -> str:
    """Say what a fold cannot learn, decide or be tested by; empty if nothing is missing."""
    wanted = {"learned from": fold.learn, "decided by": fold.decide, "tested": fold.test}
    everywhere = {b for part in (*fold.learn, *fold.test) for b in shown(part, looked)}
    for what, parts in wanted.items():
        seen = {behavior for part in parts for behavior in shown(part, looked)}
        if not seen:
            return f"nothing is {what}"
        if what != "tested" and (absent := sorted(everywhere - seen)):
            return f"what is {what} never shows {absent[0]!r}"
    return ""


def shown(part: Part, looked: Mapping[str, Looked]) -> set[str]:
    """Return the behaviors that are labelled in a part."""
    one = looked[part.session]
    values = np.unique(one.labels[part.start : part.stop])
    return {one.behaviors[value] for value in values if value >= 0}
