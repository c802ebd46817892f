"""A choice is one list: for type checkers, in Python, on the command line and in the window."""

from __future__ import annotations

from inspect import signature
from typing import Any, get_args

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_cortex_decoder as ncd
from napari_cortex_decoder import choices
from napari_cortex_decoder.cli import app
from napari_cortex_decoder.errors import AtlasError, CortexDecoderError, DecoderError, LabelError
from napari_cortex_decoder.labels.review import review_queue
from napari_cortex_decoder.saliency.masking.grids import cutouts

TABLES = {
    "Precision": choices.PRECISIONS,
    "ScoreName": choices.SCORES,
    "Grouping": choices.GROUPINGS,
    "FillName": choices.FILLS,
    "CutoutShape": choices.CUTOUT_SHAPES,
    "MapMethod": choices.MAP_METHODS,
    "LagMethod": choices.LAG_METHODS,
    "FitKind": choices.FIT_KINDS,
    "Depth": choices.DEPTHS,
    "Order": choices.ORDERS,
    "Counted": choices.CLOCKS,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_type_checker_and_the_table_know_the_same_names(name: str) -> None:
    assert get_args(getattr(choices, name)) == tuple(TABLES[name])


def refused(wrong: str) -> dict[str, tuple[type[CortexDecoderError], Any]]:
    """Ask each choice for a name that it has not."""
    rows, decoded = np.full((4, 2), 0.5), np.zeros(4, int)
    return {
        "order": (LabelError, lambda: review_queue(rows, decoded, ("a", "b"), order=wrong)),
        "fit": (AtlasError, lambda: ncd.load_atlas("dorsal-cortex").register({}, kind=wrong)),
        "cutout shape": (DecoderError, lambda: cutouts((64, 64), wrong, 16, 8)),
    }


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("order", choices.ORDERS),
        ("fit", choices.FIT_KINDS),
        ("cutout shape", choices.CUTOUT_SHAPES),
    ],
)
def test_another_name_is_refused_by_naming_those_that_there_are(what: str, known: Any) -> None:
    error, ask = refused("sideways")[what]
    with pytest.raises(error, match=f"'sideways' is unknown; choose from {', '.join(known)}"):
        ask()


@pytest.mark.parametrize(
    ("verb", "tables"),
    [
        ("explain", [choices.SCORES, choices.GROUPINGS, choices.FILLS, choices.MAP_METHODS]),
        ("label", [choices.CLOCKS]),
        ("fine-tune", [choices.DEPTHS]),
    ],
)
def test_the_help_of_a_verb_says_what_each_name_means(verb: str, tables: list[Any]) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "1500"}).output
    for table in tables:
        assert "|".join(table) in shown
        assert all(f"{name}: {said}" in shown for name, said in table.items())


def test_what_is_taken_unasked_is_one_in_python_on_the_command_line_and_in_the_window() -> None:
    from napari_cortex_decoder.widgets.labels.tuning_model import TuningModel
    from napari_cortex_decoder.widgets.layer_functions import decode_layer

    for verb in ("decode", "explain", "fine-tune"):
        shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "1500"}).output
        assert f"[default: {choices.DECODER}]" in shown
    assert "[default: best]" in shown
    assert signature(decode_layer).parameters["decoder"].default == choices.DECODER
    for begin in (ncd.fine_tune, ncd.start_fine_tune):
        assert signature(begin).parameters["depth"].default == choices.DEPTH == "best"
    assert TuningModel.model_fields["depth"].default == "best"
