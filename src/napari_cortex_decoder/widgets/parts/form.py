"""Forms that magicgui makes of settings classes: one field a setting, as its class says it."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from docstring_parser import parse
from magicgui.widgets import ComboBox, Container, Widget, create_widget
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox

from napari_cortex_decoder.settings import Shown

_UNBOUND = 1e9


class Form(Container[Any]):
    """A form for the settings of a class, which tells what somebody enters, not what it shows.

    Types, bounds and units are those of the class, tool tips its docstring's.

    Parameters
    ----------
    settings
        Dataclass, pydantic model or typed dictionary.
    tell
        Called with a setting that was changed, by name.
    names
        Which settings; all if None.
    options
        More that magicgui should know of single settings, such as choices.
    """

    def __init__(
        self,
        settings: type,
        tell: Callable[..., object],
        names: Iterable[str] | None = None,
        **options: Mapping[str, Any],
    ) -> None:
        hints = get_type_hints(settings, include_extras=True)
        said = _explained(settings)
        self._tell = tell
        self._none: dict[str, Any] = {}
        fields = getattr(settings, "model_fields", settings.__annotations__)
        self._names = tuple(fields if names is None else names)
        made = [
            self._field(name, hints[name], said.get(name, ""), dict(options.get(name, {})))
            for name in self._names
        ]
        super().__init__()
        self.extend(made)  # only fields that come later have labels of one width
        self.margins = (0, 0, 0, 0)
        self.native.layout().setSpacing(3)

    def show_values(self, settings: Any) -> None:
        """Show settings, by name or as an object of the class, without telling of them."""
        for name in self._names:
            value = settings[name] if isinstance(settings, Mapping) else getattr(settings, name)
            field: Any = self[name]
            with field.changed.blocked():
                if isinstance(field, ComboBox) and value not in field.choices:
                    field.native.setCurrentIndex(-1)  # nothing that is on offer
                else:
                    field.value = self._none.get(name) if value is None else value

    def limit(self, name: str, size: int) -> None:
        """Say how many there are to choose a stretch of; all of them are None."""
        self._none[name] = (0, size)
        field: Any = self[name]
        with field.changed.blocked():
            for end in field:
                end.max = size

    def show_only(self, names: Iterable[str]) -> None:
        """Show these settings, and hide the others."""
        shown = set(names)
        for field in self:
            field.visible = field.name in shown

    def _field(self, name: str, hint: Any, tip: str, options: dict[str, Any]) -> Widget:
        kind, notes, optional = _taken_apart(hint)
        shown = next((note for note in notes if isinstance(note, Shown)), Shown())
        decimals = options.pop("decimals", 2)
        unit, none = options.pop("unit", shown.unit), options.pop("none", shown.none)
        if kind in (int, float):
            options = _bounds(notes, kind is int, optional and bool(none)) | options
        if optional and none:
            self._none[name] = options["min"]
        label = options.pop("label", name.replace("_", " "))
        field: Any = create_widget(
            annotation=kind, name=name, label=label, options={"tooltip": tip} | options
        )
        if isinstance(box := field.native, QAbstractSpinBox):
            box.setKeyboardTracking(False)  # half a number is none
        if isinstance(box, QDoubleSpinBox):
            box.setDecimals(decimals)
            box.setSuffix(f" {unit}" if unit else "")
            box.setSpecialValueText(none if optional else "")
        field.changed.connect(lambda value: self._changed(name, value))
        return field  # type: ignore[no-any-return]

    def _changed(self, name: str, value: Any) -> None:
        self._tell(**{name: None if value == self._none.get(name, self) else value})


def _taken_apart(hint: Any) -> tuple[Any, list[Any], bool]:
    """Return the plain type of a hint, what is noted beside it, and whether it may be None."""
    notes: list[Any] = []
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            for note in more:
                notes += note.metadata if isinstance(note, FieldInfo) else [note]
        elif get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            (hint,) = set(get_args(hint)) - {type(None)}
            optional = True
        elif get_origin(hint) is tuple:
            return tuple[tuple(_taken_apart(one)[0] for one in get_args(hint))], notes, optional  # type: ignore[misc]
        else:
            return hint, notes, optional


def _bounds(notes: list[Any], whole: bool, below: bool) -> dict[str, Any]:
    """Return the lowest and highest number to choose; `below`: an open lowest one stands for None.

    Beside a bound that cannot be reached it is the next number of the two decimals that are shown.
    """
    step = 1 if whole else 0.01
    least: dict[str, Any] = {"min": 0 if whole else -_UNBOUND, "max": _UNBOUND}
    for note in notes:
        for side, key, beside in (
            ("ge", "min", 0),
            ("gt", "min", 0 if below else step),
            ("le", "max", 0),
            ("lt", "max", -step),
        ):
            if hasattr(note, side):
                least[key] = getattr(note, side) + beside
    return least


def _explained(settings: type) -> dict[str, str]:
    """Return what the docstring of a class says of its attributes."""
    found: dict[str, str] = {}
    for one in parse(settings.__doc__ or "").params:
        text = " ".join((one.description or "").replace("``", "").replace("`", "").split())
        found |= {name.strip(): text for name in one.arg_name.split(",")}
    return found
