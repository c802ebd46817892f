"""Which decoder, and where to compute: the choices of the section *Decode*."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import PrivateAttr
from qtpy.QtCore import QTimer

from napari_cortex_decoder.choices import DECODER
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import DecoderConfig, TraceConfig
from napari_cortex_decoder.decoder.library import decoder_files, list_decoders, read_card
from napari_cortex_decoder.decoder.suitability import reads_rate
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions import SessionState
from napari_cortex_decoder.widgets.decode.decode_job import list_devices
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_MOST_TIMES = 4
"""How much faster a movie can get and still show most of what a decoder reads."""


@dataclass(frozen=True)
class DecoderCard:
    """A decoder to choose: what the header of its file says."""

    name: str  # to show
    source: str | Path  # name of a bundled decoder, or a file
    config: DecoderConfig  # behaviours, window, frame rate, provenance


class ChoiceModel(SectionModel):
    """The chosen decoder and device."""

    # decoders on offer, and the chosen one
    cards: tuple[DecoderCard, ...] = ()
    card: DecoderCard | None = None
    # where one can compute: what to ask for, and what it is called. Only torch knows more than the
    # first two; it is loaded in the background once there is a recording
    devices: dict[str, str] = {"auto": "Automatic", "cpu": "CPU"}  # noqa: RUF012
    # as for `Decoder.decode`
    device: str = "auto"
    any_rate: bool = False

    _movie: MovieModel
    _refused: list[Exception] = PrivateAttr(default_factory=list)
    _asked_devices: bool = False
    _instead_of: DecoderCard | None = None
    _closed: bool = False

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self.cards = tuple(
            DecoderCard(name, name, config)
            for name, config in list_decoders(refused=self._refused.append).items()
        )
        self.card = next((card for card in self.cards if card.name == DECODER), None)
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._restore, movie.remembered)

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be read from what is open now; None if it can."""
        recording = self._movie.recording
        if recording is None:
            return "Open a recording first."
        if recording.frame_rate is None:
            return "Say first how many frames a second the recording has."
        if self.card is None:
            return "Load a decoder first."
        if self.kind_problem is None and self.rate_problem and not self.any_rate:
            return "The frame rates differ: resample in Decode, or tick the box there."
        return self.kind_problem

    @property
    def rate_problem(self) -> str | None:
        """Why the recording's frame rate does not suit the decoder; None if it does."""
        recording = self._movie.recording
        if self.card is None or recording is None or recording.frame_rate is None:
            return None
        mine, learned = recording.frame_rate, self.card.config.frame_rate
        if reads_rate(mine, self.card.config):
            return None
        too_slow = "" if self.wanted_rate else " It was filmed too slowly for resampling to help."
        return (
            f"This recording is at {mine:g} Hz, {self.card.name} learned at {learned:g} Hz: its "
            f"probabilities may mean nothing here.{too_slow}"
        )

    @property
    def wanted_rate(self) -> float | None:
        """Frames a second (Hz) that the recording can be brought to for the decoder; else None."""
        raw, card = self._movie.raw, self.card
        if raw is None or raw.frame_rate is None or card is None:
            return None
        learned = card.config.frame_rate
        return learned if learned <= _MOST_TIMES * raw.frame_rate else None

    @property
    def kind_problem(self) -> str | None:
        """Why the decoder cannot read what is open; None if it can."""
        recording, card = self._movie.recording, self.card
        if recording is None or recording.traces is None or card is None:
            return None
        if isinstance(card.config, TraceConfig):
            return None
        return f"These are traces of areas, and {card.name} reads images: choose one of areas."

    @property
    def compute(self) -> Compute:
        """Where and how to compute: of three cores and more, the window keeps one."""
        cores = os.cpu_count() or 1
        return Compute(device=self.device, threads=cores - 1 if cores > 2 else None)

    def choose(self, card: DecoderCard) -> None:
        """Choose one of the decoders on offer; it comes back with the recording."""
        self._take(card)
        self._movie.remember(decoder=str(card.source))

    def _take(self, card: DecoderCard) -> None:
        self.any_rate, self._instead_of = False, None
        self.card = card

    def offer(self, path: str | Path) -> None:
        """Put a decoder file on offer and choose it; `failed` if it is none."""
        card = self.card_of(path)
        if card is not None:
            self.choose(card)

    def card_of(self, source: str | Path) -> DecoderCard | None:
        """Return a decoder by its name in the library or its file, which is put on offer.

        None, and `failed`, if it is not there or unusable.
        """
        of_library = decoder_files()
        name = next((n for n, path in of_library.items() if path == Path(source)), str(source))
        try:
            config = read_card(name)
        except DecoderError as error:
            self.failed.emit(error)
            return None
        card = DecoderCard(Path(name).stem, name if name in of_library else Path(name), config)
        known = next((one for one in self.cards if one == card), None)
        if known is None:
            self.cards = (*(one for one in self.cards if one.source != card.source), card)
        return known or card

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        super().close()
        self._closed = True

    def _on_recording(self, recording: Recording | None) -> None:
        """Propose a decoder that reads this; ask torch, once, which devices there are."""
        while recording is not None and self._refused:
            self.failed.emit(self._refused.pop())
        if recording is not None:
            self._propose(recording)
        if recording is None or self._asked_devices:
            return
        self._asked_devices = True
        # When the event loop runs: a script without one may end, and torch with it, half loaded.
        QTimer.singleShot(0, self._ask_devices)

    def _restore(self, state: SessionState) -> None:
        """Choose the decoder that was chosen for this recording."""
        card = None if state.decoder is None else self.card_of(state.decoder)
        if card is not None and card != self.card:
            self._take(card)

    def _propose(self, recording: Recording) -> None:
        """Choose a decoder of areas for traces, and for the next movie what was chosen before."""
        if recording.traces is None:
            if self._instead_of is not None:
                self._take(self._instead_of)
        elif self.kind_problem is not None:
            before, best = self.card, min(self.cards, key=lambda card: _unmet(card, recording))
            if _unmet(best, recording) < math.inf:
                self._take(best)
                self._instead_of = before

    def _ask_devices(self) -> None:
        """Load torch off the GUI thread, and see what it can compute on."""

        def know(found: dict[str, str]) -> None:
            self.devices = {"auto": "Automatic", **found}

        if not self._closed:
            self._background.run(list_devices, then=know)


def _unmet(card: DecoderCard, recording: Recording) -> float:
    """Return how many areas that a decoder reads have no trace; infinite for one of images."""
    if not isinstance(card.config, TraceConfig):
        return math.inf
    return len({*card.config.preprocessing.areas}.difference(recording.areas))
