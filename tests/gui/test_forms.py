from __future__ import annotations

import dataclasses

import pytest
from magicgui.widgets import ComboBox, FloatSpinBox
from napari import Viewer
from napari.layers import Layer
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QWidget,
)

from napari_cortex_decoder.labels import Cleaning
from napari_cortex_decoder.recording import Recording, RunAndRest
from napari_cortex_decoder.recording.preprocessing import STEPS, Hemodynamics
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.section import Section


def made_by_magicgui(field: QWidget | None) -> bool:
    """Whether a field, or what it is a part of, such as two numbers of a stretch, is."""
    while field is not None and not hasattr(field, "_magic_widget"):
        field = field.parentWidget()
    return field is not None


def test_every_field_of_every_section_is_made_by_magicgui(
    dock: CortexDecoderWidget, opened: Layer
) -> None:
    sections = dock.findChildren(Section)
    assert len(sections) >= 9
    fields = {
        field
        for section in sections
        for kind in (QComboBox, QAbstractSpinBox, QCheckBox)
        for field in section.findChildren(kind)
    }
    assert len(fields) >= 40
    by_hand = [field for field in fields if not made_by_magicgui(field)]
    assert not by_hand, by_hand


@pytest.mark.parametrize("settings", [*STEPS.values(), Cleaning, RunAndRest])
def test_a_form_has_a_field_for_every_setting_and_tells_what_it_means(
    qapp: object, settings: type
) -> None:
    form = Form(settings, dict[str, object]().update)
    by_pydantic = getattr(settings, "model_fields", None)
    names = (
        [one.name for one in dataclasses.fields(settings)] if by_pydantic is None else by_pydantic
    )
    assert [field.name for field in form] == list(names)
    for name in names:
        assert form[name].tooltip, f"{name} is not explained in the docstring"


def test_bounds_units_and_none_are_those_of_the_settings_class(qapp: object) -> None:
    told: dict[str, object] = {}
    form = Form(Hemodynamics, told.update)
    form.show_values(Hemodynamics(lag=0.5, highpass=None))
    assert told == {}, "what is shown was not entered"
    boxes = {name: form[name].native for name in ("highpass", "lowpass", "lag")}
    assert all(isinstance(box, QDoubleSpinBox) for box in boxes.values())
    assert boxes["highpass"].text() == "off" and boxes["lowpass"].text() == "14.00 Hz"
    boxes["lag"].setValue(7)
    assert told == {"lag": 0.99}, "a lag stays below one interval between frames"
    boxes["lag"].setValue(-7)
    boxes["highpass"].setValue(0.3)
    assert told == {"lag": None, "highpass": 0.3}
    assert Hemodynamics(**told).lag is None


def test_every_step_can_be_made_of_the_lowest_and_the_highest_that_its_form_lets_in(
    qapp: object,
) -> None:
    for name, step in STEPS.items():
        told: dict[str, object] = {}
        form = Form(step, told.update)
        for field in form:
            if isinstance(field, FloatSpinBox):
                for end in (field.max, field.min):
                    field.value = end
                    step(**{field.name: told[field.name]})
            if isinstance(field, ComboBox):
                for choice in field.choices:
                    field.value = choice
                    assert step(**{field.name: choice}), name


def test_half_a_number_is_not_told(qapp: object, viewer: Viewer, recording: Recording) -> None:
    form = Form(RunAndRest, lambda **settings: None)
    assert all(not field.native.keyboardTracking() for field in form)


def test_a_box_shows_what_is_on_offer_in_its_order_and_keeps_what_was_chosen(qapp: object) -> None:
    told: list[str] = []
    box = ChoiceBox(told.append, {"c": "third"})
    box.offer({"a": "first", "b": "second", "c": "third"})
    texts = [box.native.itemText(place) for place in range(box.native.count())]
    assert texts == ["first", "second", "third"] and box.native.currentText() == "third"
    box.show_value("b")
    assert box.native.currentText() == "second" and box.value == "b"
    box.offer({"a": "first"})
    assert box.value == "a" and told == []
