"""The group *Review* of the section *Label & fine-tune*: cleaning, queue, verdicts."""

from __future__ import annotations

from napari_cortex_decoder.choices import ORDERS
from napari_cortex_decoder.labels import Cleaning
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, NumberBox, button, enable, row
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.section import Said, Section
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace


class ReviewGroup(Section):
    """Shows a `ReviewModel`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Review what was decoded", inner=True)
        self._review = review = workspace.review
        self._form = Form(Cleaning, review.set_cleaning)
        self._orders = ChoiceBox(
            lambda order: review.change(order=order),
            ORDERS,
            label="queue",
            tooltip="What to look at first",
        )
        self._doubt = NumberBox(
            lambda doubt: review.change(doubt=doubt), high=1.0, label="uncertain from",
            tooltip="Mean entropy of a bout, 0 sure to 1 undecided",
        )  # fmt: skip
        self._form.extend([self._orders, self._doubt])
        self._next = button("Next (N)", review.next)
        self._accept = button("Accept (A)", review.accept)
        self._flip = button("Flip (F)", review.flip)
        self._verify = button("Verify ahead (V)", review.verify_ahead)
        self._message = Said()
        self._obstacle = Said()
        self.add(
            self._obstacle, self._form, row(self._next, self._accept, self._flip, None),
            row(self._verify, None), self._message,
        )  # fmt: skip
        follow(self, self._update, review.cleaned, review.events)

    def _update(self) -> None:
        """Show the settings, and where the queue stands."""
        review, cleaning = self._review, self._review.cleaning
        end = cleaning.threshold - cleaning.hysteresis
        self._form.show_values(dict(cleaning) | {"stop_threshold": end})
        self._doubt.show_value(review.doubt)
        self._orders.show_value(review.order)
        obstacle = review.obstacle
        self._obstacle.say(obstacle)
        for part, tip in (
            (self._next, "Go to what deserves a look next"),
            (self._accept, "What is predicted here is right"),
            (self._flip, "It is the other behavior"),
            (self._verify, "All is right from here to the next uncertain bout"),
        ):
            enable(part, obstacle, tip)
        self._message.say(review.message)
