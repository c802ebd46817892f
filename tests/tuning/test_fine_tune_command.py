"""`cortex-decoder fine-tune` with odd arguments: exit code 2, and one sentence that helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile

from helpers.tuned_mice import patchy_mouse

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie, labels of it, and files that are something else."""
    folder = tmp_path_factory.mktemp("odd")
    recording, ethogram = patchy_mouse()
    movie = recording.movie.compute()
    for name in ("m.tif", "damaged.tif"):
        tifffile.imwrite(folder / name, movie, photometric="minisblack")
    ethogram.to_csv(folder / "l.csv")
    (folder / "damaged.tif.cortex").mkdir()
    (folder / "damaged.tif.cortex/labels.jsonl").write_text("no journal\n")
    frames = enumerate(ethogram.frames()[:500].tolist())
    rows = [f"{frame},{ethogram.behaviors[value]}" for frame, value in frames]
    (folder / "short.csv").write_text("\n".join(["frame,behavior", *rows]) + "\n")
    bouts = "start_frame,stop_frame,behavior\n0,50,run\n"
    (folder / "one.csv").write_text(bouts + "90,99,run\n100,200,run\n")
    (folder / "few.csv").write_text(bouts + "".join(f"{n},{n + 9},rest\n" for n in (60, 80, 99)))
    (folder / "empty.csv").write_text("")
    (folder / "text.txt").write_text("no movie, no decoder\n")
    return folder


LABELS = ("--labels", "l.csv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone.tif", *LABELS), ("gone.tif", "no such file", "check the path")),
        (("text.txt", *LABELS), ("text.txt", "not a kind of file that holds movies", "give one")),
        (("m.tif",), ("m.tif", "no labels beside it", "cortex-decoder label")),
        (("damaged.tif",), ("labels.jsonl", "line 1 is damaged", "repair it")),
        (("m.tif", "--labels", "gone.csv"), ("gone.csv", "cannot be read", "check the path")),
        (("m.tif", "--labels", "empty.csv"), ("empty.csv", "is empty", "export it again")),
        (("m.tif", "--labels", "m.tif"), ("m.tif", "labels are read from .csv", "convert it")),
        (
            ("m.tif", "--labels", "short.csv"),
            ("short.csv labels 500 frames", "the movie has 600", "label --rate"),
        ),
        (("m.tif", "--labels", "one.csv"), ("m: only 'run' is labelled", "at least two behaviors")),
        (("m.tif", "--labels", "few.csv"), ("m: 'run' has 1 labelled bout", "at least 3")),
        (("m.tif", *LABELS, *LABELS), ("--labels: 2 given, and 1 of movies", "give one for each")),
        (
            ("m.tif", "m.tif", *LABELS, *LABELS),
            ("m.tif is given twice", "once, as part of it"),
        ),
        (("m.tif", *LABELS, "--decoder", "walk"), ("walk", "neither a file nor", "run-rest")),
        (
            ("m.tif", *LABELS, "--decoder", "text.txt"),
            ("text.txt", "not a whole .safetensors file", "get a fresh copy"),
        ),
        (
            ("m.tif", *LABELS, "--decoder", "run-rest-areas"),
            ("reads 43 areas, and nothing says where they lie on", "m.tif", "--registration"),
        ),
        (
            ("m.tif", *LABELS, "--depth", "deepest"),
            ("depth 'deepest' is unknown", "best, threshold, linear, head, end-to-end"),
        ),
        (("m.tif", *LABELS, "--device", "toaster"), ("no device 'toaster'", "use auto or one of")),
        (("m.tif", *LABELS, "--out", "text.txt"), ("text.txt cannot be made", "another folder")),
        (("m.tif", *LABELS, "--frame-rate", "0"), ("m.tif", "frame rate is 0", "positive number")),
        (
            ("m.tif", *LABELS, "--frame-rate", "10"),
            (
                "m.tif has 10 frames a second",
                "'run-rest' learned from 30",
                "correct the frame rate",
            ),
        ),
    ],
    ids=lambda value: " ".join(value) if "labels" in str(value) or len(value) == 1 else "",
)
def test_odd_arguments_end_with_exit_code_2_and_one_sentence(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    usual = {"--out": "tuned", "--frame-rate": "30"}
    usual = {name: value for name, value in usual.items() if name not in arguments}
    code, out, said = run("fine-tune", *arguments, *(part for one in usual.items() for part in one))
    assert (code, out) == (2, "")
    *warned, refused = said.splitlines()
    assert refused.startswith("cortex-decoder: "), said
    assert all(line.startswith("warning: ") for line in warned), said
    for word in words:
        assert word in said
    assert not (folder / "tuned").exists()


def test_a_movie_that_does_not_say_its_frame_rate_is_refused_with_the_option_that_helps(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    code, _, said = run("fine-tune", "m.tif", *LABELS, "--out", "tuned")
    assert code == 2 and "m.tif: the file does not say its frame rate" in said
    assert "--frame-rate HZ" in said and said.count("\n") == 1
