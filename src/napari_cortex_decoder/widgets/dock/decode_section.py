"""The section *Decode*: which decoder, where, how far, and why not."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import get_args

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.card_text import SIMULATED, card_lines, in_short
from napari_cortex_decoder.widgets.decode.choice_model import DecoderCard
from napari_cortex_decoder.widgets.decode.decode_model import Advice, DecodeModel
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, button, enable, put, row, switch
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file, bring_into_sight
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_ADVICE: dict[Advice, tuple[str, str]] = {
    "resample": (
        "Resample to {:g} Hz",
        "Bring the movie to the decoder's frame rate, as Preprocessing does",
    ),
    "raw": ("Back to raw", "Show and decode the recording as its file has it"),
    "place": ("Place the atlas…", "Open the section Atlas"),
    "detrend": ("Detrend", "Take away what changes slowly: a step of Preprocessing"),
    "fine-tune": ("Fine-tune…", "Label some bouts, and fit the decoder to this mouse"),
}

_AROUND = 8  # px


class DecodeSection(Section):
    """Shows a `ChoiceModel` and a `DecodeModel`, and sends them what the user chooses.

    `unfold` unfolds sections by their titles.
    """

    def __init__(self, workspace: Workspace, unfold: Callable[..., None]) -> None:
        super().__init__("Decode")
        self._movie, self._preprocessing = workspace.movie, workspace.preprocessing
        self._choice, self._decode = workspace.choice, workspace.decode
        self._agreement, self._review = workspace.agreement, workspace.review
        self._sessions = workspace.sessions
        self._unfold, self._refused = unfold, True
        self._compose()
        choice, decode = self._choice.events, self._decode.events
        follow(self, self._update_choice, choice.cards, choice.card)
        follow(self, self._update_devices, choice.devices)
        follow(
            self, self._update_state, self._movie.events.recording, choice.card, choice.any_rate,
            self._preprocessing.events.progress, workspace.placing.events.placing,
            decode.progress, decode.complete, decode.message, self._agreement.events,
        )  # fmt: skip

    def _compose(self) -> None:
        self._decoders = ChoiceBox(
            lambda place: self._choice.choose(self._choice.cards[place]), wide=True, label="decoder"
        )
        self._compute = Form(
            Compute, self._choice.change, ("device",), device={"choices": self._offered}
        )
        tip = "Add a decoder file (.safetensors) to the list"
        load = button("Load…", self._ask_decoder, tip)
        self._card = Said()
        self._simulated = Said()

        self._banner = QFrame()
        self._banner.setObjectName("rate_banner")
        self._banner.setStyleSheet("#rate_banner { border: 1px solid #e69f00; border-radius: 3px }")
        self._rate_problem = Said()
        self._any_rate = switch(
            "Decode anyway; the result says so", lambda on: self._choice.change(any_rate=on)
        )
        put(QVBoxLayout(self._banner), self._rate_problem, self._any_rate)

        self._start = button("Decode", self._decode.decode)
        self._cancel = button("Cancel", self._decode.cancel)
        self._save = button("Save…", self._ask_table)
        buttons = QHBoxLayout()
        buttons.addWidget(self._start, stretch=1)
        put(buttons, self._cancel, self._save)
        self._obstacle = Said()
        self._progress = ProgressRow()
        self._message, self._agrees = Said(), Said()
        self._advice = {name: button("", partial(self._follow, name)) for name in get_args(Advice)}

        self._compute.insert(0, self._decoders)
        self.add(row(self._compute, load), self._card, self._simulated, self._banner)
        self.content.addLayout(buttons)
        self.add(self._obstacle, self._progress, self._message, self._agrees)
        tip = "Join and drop what is shorter than bouts are, as in Review"
        self._clean = button("Clean the bouts", self._clean_bouts, tip)
        self.add(row(*self._advice.values(), self._clean, None))

    def _update_choice(self) -> None:
        """Show the decoders on offer, and what the chosen one says of itself."""
        card = self._choice.card
        cards = self._choice.cards
        names = [known.name for known in cards]
        self._decoders.offer(
            {
                place: known.name if names.count(known.name) == 1 else str(known.source)
                for place, known in enumerate(cards)
            }
        )
        self._decoders.show_value(None if card is None else cards.index(card))
        box = self._decoders.native
        for place, known in enumerate(cards):
            box.setItemData(place, _whole_card(known), Qt.ItemDataRole.ToolTipRole)
        box.setToolTip("" if card is None else _whole_card(card))
        self._card.say(None if card is None else "\n".join(in_short(card.config)))
        simulated = card is not None and card.config.provenance.simulated
        self._simulated.say(f"⚠ {SIMULATED}" if simulated else None)

    def _update_devices(self) -> None:
        self._compute.reset_choices()
        self._compute.show_values(self._choice.compute)

    def _offered(self, box: object) -> list[tuple[str, str]]:
        return [(said, device) for device, said in self._choice.devices.items()]

    def _update_state(self) -> None:
        """Show how far the decode is, or why there is none."""
        decode, progress = self._decode, self._decode.progress
        self._rate_problem.say(self._choice.rate_problem)
        self._banner.setVisible(self._choice.rate_problem is not None)
        self._any_rate.setChecked(self._choice.any_rate)
        working = self._preprocessing.progress
        self._update_advice(f"Wait: {working.stage} …" if working.running else None)
        obstacle = decode.obstacle
        enable(self._start, obstacle, "Read the behavior from the open recording")
        alone = len(self._sessions.rows) < 2  # several are decoded from their table
        if self._refused and obstacle is None and alone:  # what comes next, on a small screen too
            bring_into_sight(self._start, _AROUND)
        self._refused = obstacle is not None
        self._obstacle.say(None if progress.running else obstacle)
        enable(self._cancel, None if progress.running else "No decode is running", "")
        unfinished = None if decode.complete else "Decode to the end first"
        enable(self._save, unfinished, "Write probabilities and behavior as CSV")
        resampling = working.running and self._choice.rate_problem is not None
        self._progress.set(working if resampling else progress)
        self._message.say(decode.message)
        self._agrees.say(self._agreement.said)
        self._clean.setVisible(self._agreement.cleaning is not None)
        self.set_done(_summary(decode))

    def _update_advice(self, busy: str | None) -> None:
        """Offer what warnings advise."""
        given, wanted = self._decode.advice, self._choice.wanted_rate
        for name, (said, tip) in _ADVICE.items():
            self._advice[name].setVisible(name in given)
            self._advice[name].setText(said.format(wanted or 0))
            enable(self._advice[name], busy, tip)

    def _follow(self, advice: Advice) -> None:
        """Do what a warning advises."""
        if advice == "resample" and self._choice.wanted_rate is not None:
            self._preprocessing.resample(self._choice.wanted_rate)
        elif advice == "raw":
            self._preprocessing.show_raw()
        elif advice == "detrend":
            self._preprocessing.switch("detrend", True)
            self._preprocessing.apply()
        elif advice == "place":
            self._unfold("Atlas")
        else:
            self._unfold("Label & fine-tune", "Fine-tune the decoder")

    def _clean_bouts(self) -> None:
        if self._agreement.cleaning is not None:
            self._review.set_cleaning(**dict(self._agreement.cleaning))
            self._agreement.cleaning = None  # done

    def _ask_decoder(self) -> None:
        ask_file(self, "Load a decoder", "Decoders (*.safetensors)", self._choice.offer)

    def _ask_table(self) -> None:
        recording = self._movie.recording
        name = f"{recording.name}.csv" if recording is not None else "prediction.csv"
        ask_file(self, "Save the prediction", "Tables (*.csv)", self._decode.save, save_as=name)


def _whole_card(card: DecoderCard) -> str:
    """Return all that a decoder says of itself, as rich text: a plain one would not be wrapped."""
    lines = [html.escape(line) for line in card_lines(card.config)]
    return f"<b>{html.escape(card.name)}</b><p>{'<br>'.join(lines)}</p>"


def _summary(decode: DecodeModel) -> str | None:
    """Say in two words what was decoded with, once it was."""
    if not decode.complete or decode.card is None:
        return None
    simulated = " (simulated mice)" if decode.card.config.provenance.simulated else ""
    return f"{decode.card.name}{simulated}"
