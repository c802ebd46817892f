"""Where and how to compute is said once, and means the same in Python and on the command line."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from napari_cortex_decoder.cli.common import computing
from napari_cortex_decoder.compute import CPU, HERE, Compute
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.errors import DeviceError
from napari_cortex_decoder.tuning.task import Asked


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch_size": 0}, "the batch size is 0; give 1 or more"),
        ({"threads": -2}, "the threads is -2; give 1 or more"),
        ({"devices": 0}, "the devices is 0; give 1 or more"),
        ({"workers": -1}, "the workers is -1; give 0 or more"),
        ({"precision": "double"}, "precision 'double' is unknown; choose from full, half"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        Compute(**wrong)


def test_it_is_said_by_name_and_then_stays() -> None:
    with pytest.raises(TypeError):
        Compute("cpu")  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        CPU.device = "cuda"  # type: ignore[misc]


def test_torch_takes_the_threads_that_are_said_and_else_those_that_it_has() -> None:
    before = torch.get_num_threads()
    try:
        select_device(Compute(device="cpu", threads=before + 1))
        assert torch.get_num_threads() == before + 1
        select_device(CPU)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", HERE),
        ("--device cpu --batch-size 7", Compute(device="cpu", batch_size=7)),
        ("--half --threads 2", Compute(precision="half", threads=2)),
    ],
)
def test_the_command_line_says_the_same(given: str, meant: Compute) -> None:
    app, told = typer.Typer(), []

    @app.command()
    @computing("device", "batch_size", "half", "threads")
    def verb(compute: Compute = HERE, again: int = 1) -> None:
        told.append(compute)

    assert CliRunner().invoke(app, given.split()).exit_code == 0
    assert told == [meant]


def test_options_that_a_verb_does_not_take_are_not_offered() -> None:
    app = typer.Typer()

    @app.command()
    @computing("device")
    def verb(compute: Compute = HERE) -> None: ...

    assert CliRunner().invoke(app, ["--workers", "2"]).exit_code == 2
    assert "--device" in CliRunner().invoke(app, ["--help"]).output


def test_what_an_earlier_version_was_asked_is_the_same_still() -> None:
    asked = {
        "name": "m", "depth": "end-to-end", "seed": 1, "base": "b", "base_sha256": "0",
        "behaviors": ("rest", "run"), "gap": 30, "held_out": ((0, 1, 2),), "recordings": ("m",),
        "labels_sha256": "1", "recordings_sha256": "2", "simulated": False,
    }  # fmt: skip
    assert Asked(**asked, device="cpu") == Asked(**asked, compute=CPU)
