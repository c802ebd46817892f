"""Every verb that takes a movie can be told how to read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer

from napari_cortex_decoder import cli

TAKES_MOVIES = {"info", "decode", "preprocess", "areas", "explain", "label", "fine-tune"}


@pytest.mark.parametrize("verb", sorted(TAKES_MOVIES))
def test_a_verb_that_takes_movies_can_be_told_their_rate_colors_and_layout(verb: str) -> None:
    command = typer.main.get_command(cli.app).commands[verb]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {"--frame-rate", "--channels", "--as"} <= options


def test_labels_are_exported_for_a_movie_of_two_colors_in_turns(
    run: object, tmp_path: Path
) -> None:
    frames = np.arange(40, dtype=np.uint16)[:, None, None] + np.zeros((40, 8, 8), np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", frames, photometric="minisblack")
    (tmp_path / "l.csv").write_text("behavior,start,stop\nrun,0.5,1.0\n")
    code, _, said = run(  # type: ignore[operator]
        "label", tmp_path / "m.tif", "--import", tmp_path / "l.csv", "--channels", 2,
        "--frame-rate", 10, "--export", tmp_path / "out.csv", "--format", "frames",
    )  # fmt: skip
    assert code == 0, said
    assert len((tmp_path / "out.csv").read_text().strip().splitlines()) == 20 + 1
