"""Evaluate decoders on a cohort of one's own: by a protocol, mouse by mouse, beside chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_cortex_decoder.choices import PROTOCOLS, Protocol, check_choice
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.candidates import candidates_of
from napari_cortex_decoder.evaluation.cases import read_cases
from napari_cortex_decoder.evaluation.saving import EvaluationReport
from napari_cortex_decoder.evaluation.splits import check_split, make_split
from napari_cortex_decoder.evaluation.tasks import opened
from napari_cortex_decoder.evaluation.work import Work
from napari_cortex_decoder.files import scratch
from napari_cortex_decoder.progress import Report, unheard
from napari_cortex_decoder.runs import RunFolder


def evaluate(
    cohort: str | Path,
    *,
    protocol: Protocol,
    decoder: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    split: str | Path | None = None,
    blocks: int = 5,
    minutes: Sequence[float] = (1, 2, 5),
    epochs: int | None = None,
    run_speed: float = 0.5,
    seed: int = 1,
    compute: Compute = HERE,
    processes: int = 1,
    scheduler: str | None = None,
    client: Any = None,
    progress: Report | None = None,
) -> EvaluationReport:
    """Learn and test decoders on a cohort by a protocol.

    Parameters
    ----------
    cohort
        CSV as `read_cohort` takes it; a column ``date`` for ``"ageing"``, ``group`` to compare
        groups of mice.
    protocol
        One of `splits.PROTOCOLS`, which says what each means.
    decoder
        One or several: an architecture, or a file with the settings of a training, to be learned
        here; a bundled name or a decoder's file, to be tested as it is. Beside those that learn a
        linear decoder of areas is learned, too, where it is known where the areas lie.
    out
        Folder for all that is made; the same call with the same folder goes on. None: nothing is
        kept.
    split
        File of an earlier split, to be used again; one that leaks is refused.
    blocks
        Of a recording, ``"within"``.
    minutes
        Of labels, ``"transfer"``: as many of them as the first session of a mouse has.
    epochs
        Passes of each stage of a training; None: the usual ones.
    run_speed
        Where labels are made from speed: above so many cm/s the mouse runs.
    seed
        Of trainings.
    compute
        Where and how each piece is computed.
    processes
        So many pieces at once on this machine.
    scheduler, client
        Address of a dask scheduler, or a `dask.distributed.Client`, whose workers see the same
        files.
    progress
        Told how many pieces are done.

    Returns
    -------
    EvaluationReport
        Scores by mouse and over mice.

    Raises
    ------
    EvaluationError
        If the cohort has too few mice, sessions or dates for the protocol, a split leaks, or `out`
        holds another evaluation.
    RecordingError, TrainingError, DecoderError
        If a recording, labels, settings or a decoder are unusable.
    """
    given = [decoder] if isinstance(decoder, str | Path) else decoder
    # workers may be at work in another folder
    names = [str(Path(one).absolute() if Path(one).is_file() else one) for one in given]
    check_choice("protocol", protocol, PROTOCOLS, EvaluationError)
    if not names or blocks < 4 or not minutes or min(minutes) <= 0:
        raise EvaluationError(
            "give at least one decoder, four blocks, and minutes of labels above 0."
        )
    asked = {
        "protocol": protocol, "decoders": names, "blocks": blocks,
        "minutes": list(minutes), "epochs": epochs, "run_speed": run_speed, "seed": seed,
        "split": None if split is None else str(split),
    }  # fmt: skip
    tell = progress or unheard
    cases = read_cases(Path(cohort).absolute(), run_speed=run_speed)
    with scratch() as temporary:
        folder = RunFolder(temporary if out is None else Path(out).absolute(), "evaluation")
        with folder.claim(), opened(processes, scheduler, client) as executor:
            begun = folder.asked()
            if begun is None:
                folder.ask(asked)
            elif begun != json.loads(json.dumps(asked)):
                raise EvaluationError(
                    f"{folder.path} holds another evaluation, of other settings; choose another "
                    "folder."
                )
            work = Work(folder, cases, executor, compute, tell)
            looked = work.look()
            candidates = candidates_of(names, looked, epochs, seed)
            own = work.split(
                split,
                lambda: make_split(
                    protocol,
                    cases,
                    looked,
                    window_seconds=max(one.window_seconds for one in candidates),
                    learns=any(one.config for one in candidates),
                    blocks=blocks,
                    minutes=minutes,
                ),
            )
            if own.protocol != protocol:
                raise EvaluationError(
                    f"the split is one of the protocol {own.protocol!r}, not of {protocol!r}; "
                    "split anew."
                )
            check_split(own, cases, looked)
            results, said = work.results(own, looked, candidates)
            report = EvaluationReport(
                protocol=protocol,
                settings=asked,
                gap_seconds=own.gap_seconds,
                results=results,
                said=(*own.said, *said),
                simulated=tuple(one.name for one in candidates if one.simulated),
            )
            if out is not None:
                report.save(folder.path, place=folder.place)
    return report
