"""The verb `explain`, its files and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import napari_cortex_decoder as ncd
from helpers.toys import SIZE, Linear, quarters, two_places
from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.labels import write_labels
from napari_cortex_decoder.saliency import area_importance, cutout_importance, saliency_map
from napari_cortex_decoder.saliency.output.export import write_csv, write_json, write_tiff
from napari_cortex_decoder.saliency.output.figure import draw_areas, draw_cutouts, save_figure

Run = Callable[..., tuple[int, str, str]]
MakeLinear = Callable[..., tuple[Decoder, Linear]]

UPPER_LEFT = np.zeros((SIZE, SIZE))
UPPER_LEFT[:16, :16] = 0.01


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linear: MakeLinear) -> Path:
    """A movie, its registration and labels on disk, and a linear decoder to load."""
    recording, ethogram = two_places(480)
    tifffile.imwrite(tmp_path / "m1.tif", recording.movie.compute().astype(np.uint16))
    quarters().save(tmp_path / "m1.json")
    write_labels(ethogram, tmp_path / "labels.csv", recording)
    decoder, _ = linear(UPPER_LEFT)
    monkeypatch.setattr("napari_cortex_decoder.decoder.load_decoder", lambda name: decoder)
    return tmp_path


def test_explain_writes_table_record_and_figure(session: Path, run: Run) -> None:
    out = session / "out"
    code, said, warned = run(
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--labels", session / "labels.csv", "--behavior", "run", "--out", out),
        *("--frame-rate", 30, "--frames", 300, "--cutout"),
    )
    assert code == 0, warned
    table = pd.read_csv(out / "m1_areas.csv")
    assert list(table["acronym"]) == ["A", "A", "B", "B"] and table["importance"][0] > 0.2
    record = json.loads((out / "m1_areas.json").read_text())
    assert record["verdict"]["kind"] == "holds" and record["whole"]["score"] == "auc"
    assert "holds: this decoder uses more than random patches of the same size" in said
    for name in ("m1_areas", "m1_cutouts"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (out / f"{name}.svg").read_text()
    assert len(pd.read_csv(out / "m1_cutouts.csv")) == 49


def test_explain_counts_in_log_odds_where_it_is_asked_to(session: Path, run: Run) -> None:
    asked = (
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--labels", session / "labels.csv", "--out", session / "out", "--frame-rate", 30),
        *("--frames", 200, "--patches", 0, "--json"),
    )
    code, said, warned = run(*asked, "--score", "log-odds")
    assert code == 0, warned
    (record,) = json.loads(said)
    assert record["settings"]["score"] == "log-odds" and record["whole"]["score"] == "auc"
    assert record["areas"][0]["importance"] > 0.5  # no AUC can lose that much
    code, _, warned = run(*asked, "--score", "accuracy")
    assert code == 2 and "score 'accuracy' is unknown; choose from auc, log-odds" in warned


def test_explain_without_labels_says_so_and_speaks_to_machines(session: Path, run: Run) -> None:
    code, said, _ = run(
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--out", session / "out", "--frame-rate", 30, "--frames", 120, "--json"),
    )
    assert code == 0
    (record,) = json.loads(said)
    assert record["whole"]["score"] == "log-odds"
    assert record["verdict"]["kind"] == "weak" and "no labels" in record["verdict"]["reason"]


def test_explain_maps_onsets_or_some_frames(
    session: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = session / "out"
    asked = (
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--labels", session / "labels.csv", "--out", out, "--frame-rate", 30),
        *("--frames", 200, "--patches", 0, "--map", "occlusion", "--nwb"),
    )
    code, said, warned = run(*asked, "--map-frames", "50:60")
    assert code == 0, warned
    assert "maps: an illustration, not checked" in said
    assert tifffile.imread(out / "m1_maps.tif").shape == (10, SIZE, SIZE)
    assert (out / "m1_maps.mp4").stat().st_size > 1000
    assert {"m1_maps.png", "m1_maps.nwb", "m1_areas.nwb"} <= {one.name for one in out.iterdir()}
    told = []
    monkeypatch.setattr("napari_cortex_decoder.saliency.answering.area_importance", told.append)
    code, _, said = run(*asked)  # runs of 20 frames: no second of rest before any
    assert code == 2 and "no bout of 'run' begins after 1 s" in said
    assert not told  # nobody waits for minutes to hear of it


def test_explain_tells_of_a_decoder_of_traces_what_areas_give_when(
    session: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_cortex_decoder.decoder.config import LinearConfig, TracePreprocessing, Window
    from napari_cortex_decoder.decoder.networks import build_network

    preprocessing = TracePreprocessing(areas=("A left", "B right"), detrend_seconds=None)
    config = LinearConfig(window=Window(past=3, future=2), preprocessing=preprocessing)
    decoder = make_decoder(config, build_network(config), name="areas", hash="0" * 64)
    monkeypatch.setattr("napari_cortex_decoder.decoder.load_decoder", lambda name: decoder)
    code, said, warned = run(
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--out", session / "out", "--frame-rate", 30, "--json"),
    )
    assert code == 0, warned
    code, _, said_no = run(
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--out", session / "out", "--frame-rate", 30, "--map", "grad-cam"),
    )
    assert code == 2 and "are for decoders of images" in said_no
    areas, lags = json.loads(said)
    assert areas["verdict"] and (session / "out" / "m1_areas.csv").exists()
    assert {row["area"] for row in lags["areas"]} == {"A left", "B right"}
    table = pd.read_csv(session / "out" / "m1_lags.csv")
    assert sorted(set(table["lag"])) == [-3, -2, -1, 0, 1, 2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--behavior", "groom"], "knows no 'groom'"),
        (["--targets", "all"], "targets 'all' are unknown"),
        (["--fill", "zero"], "choose from mean, blurred, shuffled"),
        (["--map", "lime"], "choose from integrated-gradients, grad-cam, occlusion"),
        (["--map", "occlusion"], "onsets need labels"),
        (["--map", "occlusion", "--map-frames", "60:50"], "such as 300:360"),
        (["--map", "occlusion", "--map-frames", "0:50"], "windows of this decoder fit around"),
        (["--map-frames", "50:60"], "are for maps"),
        (["--check"], "are for maps"),
        (["--out", "m1.tif"], "m1.tif is no folder"),
        (["--out", "m1.tif/deeper"], "m1.tif is no folder"),
    ],
)
def test_what_explain_cannot_do_is_one_sentence(
    session: Path, run: Run, change: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(session)
    code, _, said = run(
        *("explain", session / "m1.tif", "--registration", session / "m1.json"),
        *("--out", session / "out", "--frame-rate", 30, *change),
    )
    assert code == 2 and sentence in said and said.count("\n") == 1
    assert not (session / "out").exists()


def test_figures_and_tables_hold_what_was_measured(tmp_path: Path, linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    areas = area_importance(decoder, recording, quarters(), ethogram, patches=2)
    figure = draw_areas(areas, quarters(), recording.shape)
    bars = figure.axes[0]
    assert max(bar.get_width() for bar in bars.patches) == pytest.approx(
        areas.table["importance"].max()
    )
    save_figure(figure, tmp_path / "areas.pdf")
    cutouts = cutout_importance(decoder, recording, ethogram, size=16, step=16)
    save_figure(draw_cutouts(cutouts, np.zeros(recording.shape)), tmp_path / "cutouts.svg")
    write_csv(cutouts, tmp_path / "cutouts.csv")
    read = pd.read_csv(tmp_path / "cutouts.csv")
    np.testing.assert_allclose(read["importance"], cutouts.map.ravel(), rtol=1e-6)
    write_json(cutouts, tmp_path / "cutouts.json")
    assert json.loads((tmp_path / "cutouts.json").read_text())["cutout"]["size_px"] == 16
    with pytest.raises(DecoderError, match=r"\.png, \.svg or \.pdf"):
        save_figure(figure, tmp_path / "areas.gif")
    with pytest.raises(DecoderError, match="cannot be written"):
        write_csv(areas, tmp_path / "nowhere" / "areas.csv")


def test_maps_are_written_as_a_stack_that_says_what_it_is(
    tmp_path: Path, linear: MakeLinear
) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, _ = two_places()
    maps = saliency_map(decoder, recording, 50, 60)
    write_tiff(maps, tmp_path / "maps.tif")
    with tifffile.TiffFile(tmp_path / "maps.tif") as file:
        np.testing.assert_array_equal(file.asarray(), maps.maps)
        assert file.shaped_metadata[0]["first_frame"] == 47


def test_saliency_is_a_room_and_saliency_map_a_function(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, _ = two_places()
    maps = ncd.saliency_map(decoder, recording, 50)
    assert maps.maps.shape == (6, SIZE, SIZE)
    assert ncd.saliency.area_importance is ncd.area_importance
