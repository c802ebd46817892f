"""The verb `bench`: what it measures is told by name, with what it should be."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch

from napari_cortex_decoder import benchmarking
from napari_cortex_decoder.benchmarking import figures, judged

Run = Callable[..., tuple[int, str, str]]


def test_an_unknown_group_is_refused_and_the_groups_are_named(run: Run) -> None:
    code, _, told = run("bench", "--only", "warp drive")
    assert code == 2
    assert "'warp drive'" in told and "end-to-end" in told


def test_figures_come_as_json_with_the_machine_they_are_of(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(figures.GROUPS, "decode", lambda folder, n: {"decode_speedup": n / 50})
    code, printed, _ = run("bench", "--only", "decode", "--frames", "2000", "--json")
    told = json.loads(printed)
    assert code == 0
    assert told["figures"] == {"decode_speedup": 40.0}
    assert told["details"][0]["met"] is True and told["details"][0]["goal"] == ">= 20"
    assert told["machine"]["versions"]["torch"] and "gpu" in told["machine"]


def test_reading_is_measured_on_a_real_movie(run: Run) -> None:
    code, printed, _ = run("bench", "--only", "reading", "--frames", "1000", "--json")
    told = json.loads(printed)["figures"]
    assert code == 0
    assert told["opening_s"] > 0 and told["statistics_frames_per_s"] > 0
    assert 0 < told["reading_share_of_copying"] < 10


def test_what_this_machine_cannot_measure_is_said_to_be_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, printed, told = run("bench", "--only", "gpu", "--json")
    assert code == 0
    assert json.loads(printed)["missing"] == ["gpu"]
    assert "not measured, as this machine cannot: gpu" in told


@pytest.mark.parametrize(
    ("name", "value", "met"),
    [
        ("second_decode_speedup", 19.9, False),
        ("second_decode_speedup", 20.0, True),
        ("time_to_current_frame_s", 2.1, False),
        ("importance_encodings_over_passes", 1.11, False),
        ("importance_speedup_over_authors", 10.5, True),
        ("engine_frames_per_s", 1.0, None),
    ],
)
def test_a_figure_says_whether_it_is_as_it_should_be(
    name: str, value: float, met: bool | None
) -> None:
    assert judged("group", name, value).met is met


def test_every_group_of_the_help_is_there(run: Run) -> None:
    _, told, _ = run("bench", "--help")
    for group in benchmarking.GROUPS:
        assert group in told
