"""State and intents of reviewing a prediction: its bouts, what to look at next, what is right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from pydantic import PrivateAttr, ValidationError

from napari_cortex_decoder.choices import Order
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import (
    UNKNOWN,
    Bout,
    Cleaning,
    Edit,
    Flip,
    Replace,
    ReviewItem,
    Source,
    Verify,
    clean,
    review_queue,
)
from napari_cortex_decoder.labels.edits import bout_at
from napari_cortex_decoder.labels.review import verification
from napari_cortex_decoder.widgets.decode.choice_model import DecoderCard
from napari_cortex_decoder.widgets.decode.decode_model import DecodeModel
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.playback_model import PlaybackModel


class ReviewModel(SectionModel):
    """The bouts that a prediction comes to, and the queue of those that deserve a look."""

    cleaning: Cleaning = Cleaning()  # how probabilities become bouts
    order: Order = "uncertainty"  # what comes first in the queue
    doubt: float = 0.5  # score (0–1) from which on a predicted bout counts as uncertain
    item: ReviewItem | None = None  # the stretch that the queue led to; None before it was asked
    message: str = ""  # where the queue stands, in words

    cleaned: ClassVar[Signal] = Signal()
    """`decoded` has changed."""

    _movie: MovieModel
    _playback: PlaybackModel
    _decode: DecodeModel
    _labels: LabelsModel
    _decoded: NDArray[np.int64] | None = None
    _seen: set[tuple[int, int]] = PrivateAttr(default_factory=set)

    def __init__(
        self,
        movie: MovieModel,
        playback: PlaybackModel,
        decode: DecodeModel,
        labels: LabelsModel,
    ) -> None:
        super().__init__()
        self._movie, self._playback = movie, playback
        self._decode, self._labels = decode, labels
        self._ties.tie(self._take_cleaning, decode.events.card)
        self._ties.tie(self._forget, decode.events.prediction, self.events.order)
        self._ties.tie(self._clean, decode.events.complete)

    @property
    def prediction(self) -> Prediction | None:
        """The whole prediction of the open recording; None while there is none."""
        return self._decode.prediction if self._decode.complete else None

    @property
    def decoded(self) -> NDArray[np.int64] | None:
        """Column of the prediction by frame, −1 for none; None without a whole prediction."""
        return self._decoded

    @property
    def obstacle(self) -> str | None:
        """Why there is nothing to review; None if there is."""
        if self.prediction is None:
            return "Decode the recording first: the queue holds what was predicted."
        return self._labels.obstacle

    def set_cleaning(self, **changes: float | None) -> None:
        """Change settings of the cleaning; the timeline shows what comes of it at once."""
        values = {**self.cleaning.model_dump(), **changes}
        low, high = values["stop_threshold"], values["threshold"]
        if low is not None and low > high:  # one threshold pushes the other before it
            values["threshold" if "stop_threshold" in changes else "stop_threshold"] = (
                low if "stop_threshold" in changes else high
            )
        try:
            self.cleaning = Cleaning(**values)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"]
            self.failed.emit(LabelError(f"the cleaning cannot be set so: {said}."))
            return
        self._clean()

    def queue(self) -> tuple[ReviewItem, ...]:
        """Return what deserves a look, first things first."""
        prediction, labels = self.prediction, self._labels.labels
        if prediction is None or self._decoded is None or labels is None:
            return ()
        if labels.ethogram.n_frames != len(self._decoded):
            return ()
        return review_queue(
            prediction.probability,
            self._decoded,
            prediction.behaviors,
            labels.ethogram,
            order=self.order,
        )

    def next(self) -> None:
        """Go to the next stretch of the queue that was not visited yet, and play it in a loop."""
        queue = self.queue()
        left = [item for item in queue if (item.start, item.stop) not in self._seen]
        if not left and queue:
            self._seen.clear()
            left = list(queue)
        if not left:
            self.item = None
            self.message = self.obstacle or "Nothing is left to review."
            return
        self.item = item = left[0]
        self._seen.add((item.start, item.stop))
        said = f", labelled {item.labelled}" if item.labelled else ""
        self.message = (
            f"frames {item.start}–{item.stop - 1}: {item.predicted}{said}, {self.order} "
            f"{item.score:.2f}; {len(left) - 1} more"
        )
        self._movie.seek(item.frame)
        self._playback.loop(item.start, item.stop)

    @property
    def _frame(self) -> int:
        """The frame that a verdict is about: while a stretch is played in a loop, its own."""
        looping = self._playback.stretch is not None
        return self.item.frame if looping and self.item is not None else self._movie.frame

    def accept(self) -> None:
        """Say that what is predicted at this frame is right, or what is labelled there."""
        frame, bout, labels = self._frame, self._predicted_bout(), self._labels.labels
        if bout is None:
            if labels is not None and bout_at(labels.ethogram.bouts, frame) is None:
                self.message = f"Nothing is labelled or predicted at frame {frame}."
            else:
                self._labels.edit(Verify(start=frame, stop=frame + 1))
            return
        verified = Bout(bout.start, bout.stop, bout.behavior, Source.VERIFIED)
        self._labels.edit(Replace(start=bout.start, stop=bout.stop, bouts=(verified,)))

    def flip(self, behavior: str | None = None) -> None:
        """Say that the bout at this frame is another behavior; the next one if none is named.

        The bout is the labelled one; where nothing is labelled, the predicted one.
        """
        frame, labels, predicted = self._frame, self._labels.labels, self._predicted_bout()
        if labels is None:
            return
        labelled = bout_at(labels.ethogram.bouts, frame)
        if labelled is not None:
            other = behavior or _following(labelled.behavior, labels.ethogram.behaviors)
            self._labels.edit(Flip(frame=frame, behavior=other))
        elif predicted is not None and self.prediction is not None:
            other = behavior or _following(predicted.behavior, self.prediction.behaviors)
            bout = Bout(predicted.start, predicted.stop, other)
            self._labels.edit(Replace(start=bout.start, stop=bout.stop, bouts=(bout,)))
        else:
            self.message = f"Nothing is labelled or predicted at frame {frame}."

    def verify_ahead(self) -> None:
        """Say that all is right from this frame to the next uncertain bout, and go there."""
        prediction, labels, decoded = self.prediction, self._labels.labels, self._decoded
        if prediction is None or labels is None or decoded is None or self.obstacle is not None:
            self.message = self.obstacle or ""
            return
        start, n_frames = self._frame, labels.ethogram.n_frames
        uncertain = review_queue(
            prediction.probability, decoded, prediction.behaviors, labels.ethogram
        )
        ahead = [i.start for i in uncertain if i.score >= self.doubt and i.start > start]
        stop = min(ahead, default=n_frames)
        bouts = verification(labels.ethogram, decoded, prediction.behaviors, start, stop)
        edit: Edit = Replace(start=start, stop=stop, bouts=bouts)
        if self._labels.edit(edit):
            self.message = f"Verified frames {start}–{stop - 1}."
            self._movie.seek(min(stop, n_frames - 1))

    def _predicted_bout(self) -> Bout | None:
        """Return the predicted bout at this frame."""
        decoded, prediction, frame = self._decoded, self.prediction, self._frame
        if decoded is None or prediction is None or decoded[frame] == UNKNOWN:
            return None
        value = decoded[frame]
        differs = np.flatnonzero(decoded != value)
        place = int(np.searchsorted(differs, frame))
        start = int(differs[place - 1]) + 1 if place else 0
        stop = int(differs[place]) if place < differs.size else decoded.size
        return Bout(start, stop, prediction.behaviors[value], Source.MODEL)

    def _take_cleaning(self, card: DecoderCard | None) -> None:
        """Begin with the cleaning that the decoder was kept with."""
        if card is not None:
            self.cleaning = card.config.cleaning

    def _forget(self) -> None:
        self._seen.clear()
        self.item = None
        self.message = ""
        if self._decode.prediction is None:
            self._clean()

    def _clean(self) -> None:
        """Find the bouts that the prediction comes to."""
        prediction, recording = self.prediction, self._movie.recording
        if prediction is None or recording is None:
            self._decoded = None
        else:
            rate = recording.known_frame_rate()
            self._decoded = clean(prediction.probability, self.cleaning, rate)
        self._seen.clear()
        self.cleaned.emit()


def _following(name: str, names: tuple[str, ...]) -> str:
    return names[(names.index(name) + 1) % len(names)]
