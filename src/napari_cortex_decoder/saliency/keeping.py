"""The last answer about a recording, kept beside it."""

from __future__ import annotations

from typing import Any

from napari_cortex_decoder.atlas import Area, Atlas, Registration
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.kept import is_kept, keep, kept
from napari_cortex_decoder.labels import Bout, Ethogram, Source
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.question import Answer, Question
from napari_cortex_decoder.sessions.results import (
    decoder_hash,
    made_from,
    said_of,
    same_steps,
    shown_registration,
)

_NAME = "saliency"
_ASKED = ("behavior", "method", "span", "score", "start", "stop", "any_rate")
_KINDS = ("areas", "cutouts", "maps", "onsets", "lags", "check")


def keep_answer(answer: Answer) -> Answer:
    """Keep an answer before anybody is told that it is there.

    Why it could not be kept is among the warnings of the answer that is returned.
    """
    question = answer.question
    recording = question.recording
    if recording.path is None:
        return answer
    content = {
        **{name: getattr(question, name) for name in _ASKED},
        **{kind: getattr(answer, kind) for kind in _KINDS},
        "decoder": str(question.decoder),
        "registration": question.registration,
        "ethogram": question.ethogram,
        "steps": recording.steps,
    }
    try:
        of = made_from(
            recording,
            decoder=decoder_hash(str(question.decoder)),
            registration=question.registration,
            ethogram=question.ethogram,
        )
        keep(recording.path, _NAME, content, of)
    except CortexDecoderError as error:
        answer.said = (str(error),)
    return answer


def has_answer(recording: Recording) -> bool:
    """Whether an answer was kept of a recording; loads nothing."""
    return recording.path is not None and is_kept(recording.path, _NAME)


def kept_answer(recording: Recording, ethogram: Ethogram | None, compute: Compute) -> Answer | None:
    """Return the answer that was kept of a recording as it is shown.

    Raises CortexDecoderError if it is damaged, or of a newer version.

    Parameters
    ----------
    recording
        As shown: an answer after other steps is not of it.
    ethogram
        Its labels now.
    compute
        Where to check the answer, if somebody asks for that.
    """
    if recording.path is None or not has_answer(recording):
        return None
    from napari_cortex_decoder import saliency
    from napari_cortex_decoder.saliency.importance.experiment import Whole
    from napari_cortex_decoder.saliency.masking.regions import Target

    classes = (
        Area, Atlas, Registration, Bout, Ethogram, Source, Whole, Target,
        saliency.AreaImportance, saliency.CutoutImportance, saliency.SaliencyMaps,
        saliency.OnsetAverage, saliency.TraceSaliency, saliency.MapCheck, saliency.Deletion,
        saliency.Randomization,
    )  # fmt: skip
    found = kept(recording.path, _NAME, classes)
    if found is None:
        return None
    with readable(recording.path, "what was kept of its saliency", remedy="explain it again"):
        content: dict[str, Any] = found.content
        if not same_steps(recording, content["steps"]):
            return None
        question = Question(
            **{name: content[name] for name in _ASKED},
            decoder=content["decoder"],
            recording=recording,
            registration=content["registration"],
            ethogram=content["ethogram"],
            compute=compute,
        )
        answer = Answer(question, **{kind: content[kind] for kind in _KINDS})
        now = made_from(
            recording,
            decoder=decoder_hash(content["decoder"]),
            registration=shown_registration(recording),
            ethogram=ethogram,
        )
        stale = said_of(found, now)
        answer.said = (stale,) if stale else ()
    return answer
