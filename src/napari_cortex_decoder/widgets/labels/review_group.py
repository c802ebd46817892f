"""The group *Review* of the section *Label & fine-tune*: cleaning, queue, verdicts."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QFormLayout, QWidget

from napari_cortex_decoder.choices import ORDERS
from napari_cortex_decoder.widgets.labels.review_model import ReviewModel
from napari_cortex_decoder.widgets.parts.controls import (
    ChoiceBox,
    NumberBox,
    button,
    caption,
    enable,
    row,
)
from napari_cortex_decoder.widgets.parts.section import Section, set_or_hide, wrapped_label
from napari_cortex_decoder.widgets.parts.ties import Ties


class ReviewGroup(Section):
    """Shows a `ReviewModel`."""

    def __init__(self, review: ReviewModel) -> None:
        super().__init__("Review what was decoded")
        self.content.setContentsMargins(10, 2, 0, 8)
        self._review = review
        self._compose()
        self.set_expanded(False)
        ties = Ties()
        ties.tie(self._update, review.cleaned, review.events)
        ties.undo_with(self)
        self._update()

    def _compose(self) -> None:
        review = self._review
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(3)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)

        share = partial(NumberBox, high=1.0, step=0.05)
        seconds = partial(NumberBox, high=60.0, step=0.1, suffix=" s")

        self._begin = share(lambda value: review.set_cleaning(threshold=value))
        self._end = share(lambda value: review.set_cleaning(stop_threshold=value))
        self._gap = seconds(lambda value: review.set_cleaning(longest_gap=value))
        self._short = seconds(lambda value: review.set_cleaning(shortest_bout=value))
        self._doubt = share(review.set_doubt)
        self._orders = ChoiceBox(review.set_order, ORDERS)
        for title, field, tip in (
            ("begins above", self._begin, "Probability of the second behavior at which it begins"),
            ("ends below", self._end, "Between the two, the animal goes on with what it did"),
            ("fill gaps under", self._gap, "Two bouts with less than this between them are one"),
            ("drop bouts under", self._short, "Shorter bouts join those around them"),
            ("queue", self._orders, "What to look at first"),
            ("uncertain from", self._doubt, "Mean entropy of a bout, 0 sure to 1 undecided"),
        ):
            field.setToolTip(tip)
            self._form.addRow(caption(title), field)
        settings = QWidget()
        settings.setLayout(self._form)
        self._next = button("Next (N)", review.next)
        self._accept = button("Accept (A)", review.accept)
        self._flip = button("Flip (F)", review.flip)
        self._verify = button("Verify ahead (V)", review.verify_ahead)
        self._message = wrapped_label()
        self._obstacle = wrapped_label()
        for part in (
            self._obstacle,
            settings,
            row(self._next, self._accept, self._flip, None),
            row(self._verify, None),
            self._message,
        ):
            self.content.addWidget(part)

    def _update(self) -> None:
        """Show the settings, and where the queue stands."""
        review, cleaning = self._review, self._review.cleaning
        end = cleaning.threshold if cleaning.stop_threshold is None else cleaning.stop_threshold
        for box, value in (
            (self._begin, cleaning.threshold),
            (self._end, end),
            (self._gap, cleaning.longest_gap),
            (self._short, cleaning.shortest_bout),
            (self._doubt, review.doubt),
        ):
            box.show_value(value)
        self._orders.show_value(review.order)
        obstacle = review.obstacle
        set_or_hide(self._obstacle, obstacle)
        for part, tip in (
            (self._next, "Go to what deserves a look next"),
            (self._accept, "What is predicted here is right"),
            (self._flip, "It is the other behavior"),
            (self._verify, "All is right from here to the next uncertain bout"),
        ):
            enable(part, obstacle, tip)
        set_or_hide(self._message, review.message or None)
