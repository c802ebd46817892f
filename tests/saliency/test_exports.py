"""Results as NWB, video and figure: files that other programs read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from PIL import Image

from helpers.toys import SIZE, Linear, quarters, two_places
from napari_cortex_decoder.cameras import open_camera
from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.saliency import (
    Question,
    answer,
    area_importance,
    check_maps,
    cutout_importance,
    onset_average,
    saliency_map,
)
from napari_cortex_decoder.saliency.output.export import write_tiff
from napari_cortex_decoder.saliency.output.figure import draw_maps, save_figure
from napari_cortex_decoder.saliency.output.files import write_answer
from napari_cortex_decoder.saliency.output.nwb_export import write_nwb
from napari_cortex_decoder.saliency.output.video import write_mp4

MakeLinear = Callable[..., tuple[Decoder, Linear]]

UPPER_LEFT = np.zeros((SIZE, SIZE))
UPPER_LEFT[:16, :16] = 0.01


def test_importance_and_maps_are_read_back_from_nwb(tmp_path: Path, linear: MakeLinear) -> None:
    import pynwb

    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    areas = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    places = cutout_importance(decoder, recording, ethogram, size=16, step=16, edge=False)
    maps = saliency_map(decoder, recording, 50, 53, method="occlusion")
    onsets = onset_average(
        decoder, recording, ethogram, method="occlusion", before=0.1, after=0.1, most=2
    )

    def read(result: object) -> tuple[object, dict[str, object]]:
        path = tmp_path / "result.nwb"
        write_nwb(result, path, recording)  # type: ignore[arg-type]
        assert not pynwb.validate(path=str(path))
        with pynwb.NWBHDF5IO(str(path), "r") as io:
            module = io.read().processing["saliency"]
            (content,) = module.data_interfaces.values()
            found = content.to_dataframe() if hasattr(content, "to_dataframe") else (
                content.data[()], content.timestamps[()]
            )  # fmt: skip
            return found, json.loads(module.description)

    table, about = read(areas)
    assert list(table["acronym"]) == ["A", "A", "B", "B"]
    np.testing.assert_allclose(table["importance"], areas.table["importance"])
    assert about["verdict"]["kind"] == areas.verdict.kind
    table, _ = read(places)
    np.testing.assert_allclose(table["importance"], places.map.ravel())
    (values, times), about = read(maps)
    np.testing.assert_array_equal(values, maps.maps.transpose(0, 2, 1))  # NWB has x before y
    np.testing.assert_allclose(times, np.arange(50, 53) / 30)
    assert about["method"] == "occlusion" and about["grid"] == [8, 8]
    (values, times), about = read(onsets)
    np.testing.assert_allclose(times, onsets.seconds)
    assert about["onsets"] == onsets.onsets.tolist()


def test_a_video_shows_movie_map_outlines_and_labels(tmp_path: Path, linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    maps = saliency_map(decoder, recording, 30, 50)
    path = tmp_path / "maps.mp4"
    told = []
    write_mp4(maps, path, recording, quarters(), ethogram, progress=told.append)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert float(container.streams.video[0].average_rate) == 30
    assert len(frames) == len(maps.frames) == told[-1].done
    picture = frames[3].astype(float)
    assert picture.shape == (480 + 24, 480, 3)
    # a map of the upper left alone: colour there, gray at the lower right
    colored = np.abs(picture[..., 0] - picture[..., 2])
    assert colored[20:220, 20:220].mean() > 10 * colored[260:460, 260:460].mean()
    # the border between two areas
    assert picture[238:242, 300:460].max(axis=0).mean() > 140
    # run up to frame 39 of 27 … 51, then rest
    left, right = frames[0][490, 40].astype(int), frames[0][490, 400].astype(int)
    assert left[0] - left[2] > 120 and np.ptp(right) < 30
    with pytest.raises(DecoderError, match=r"written as \.mp4"):
        write_mp4(maps, tmp_path / "maps.avi", recording)

    class Stop(Exception):
        pass

    def stop(_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        write_mp4(maps, tmp_path / "stopped.mp4", recording, progress=stop)
    assert [one.name for one in tmp_path.iterdir()] == ["maps.mp4"]


def test_a_video_shows_the_mouse_of_the_same_moment_beside_its_cortex(
    tmp_path: Path, linear: MakeLinear
) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    maps = saliency_map(decoder, recording, 30, 50)
    (tmp_path / "face").mkdir()
    for number in range(60):  # two pictures a frame, from frame 20 on: the last is of frame 49
        shade = Image.new("L", (64, 48), 4 * number)
        shade.save(tmp_path / "face" / f"{number}.png")
    camera = open_camera(tmp_path / "face", recording, frame_rate=60.0, offset=20 / 30)
    write_mp4(maps, tmp_path / "maps.mp4", recording, ethogram=ethogram, camera=camera)
    with av.open(str(tmp_path / "maps.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert frames[0].shape == (480 + 24, 480 + 640, 3)
    shown = [frame[100:400, 600:1000].mean() for frame in frames]
    # the last picture is shown for one and a half of its intervals
    expected = [4 * min(2 * (frame - 20), 59) if frame < 51 else 0 for frame in maps.frames]
    assert shown == pytest.approx(expected, abs=4)


def test_an_onset_average_is_drawn_and_written(tmp_path: Path, linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    found = onset_average(
        decoder, recording, ethogram, method="occlusion", before=0.2, after=0.4, most=2
    )
    figure = draw_maps(found, quarters(), recording.shape, "weak: because.")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[0] == "-0.2 s" and titles[-1] == "+0.4 s"
    save_figure(figure, tmp_path / "onsets.svg")
    assert "weak: because." in (tmp_path / "onsets.svg").read_text()
    write_tiff(found, tmp_path / "onsets.tif")
    with tifffile.TiffFile(tmp_path / "onsets.tif") as file:
        np.testing.assert_array_equal(file.asarray(), found.maps)
        assert file.shaped_metadata[0]["first_lag"] == -6


def test_a_map_is_held_against_its_controls() -> None:
    """Of the paper's network on small images: random weights, then places go missing."""
    from helpers.waves import make_network, make_recording
    from napari_cortex_decoder.decoder import CnnRnnConfig, Preprocessing, Window
    from napari_cortex_decoder.labels import Ethogram

    config = CnnRnnConfig(
        window=Window(past=0, future=0),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    )
    decoder = make_decoder(config, make_network(config), name="waves", hash="0" * 64)
    recording = make_recording(80)
    ethogram = Ethogram.from_frames(np.arange(80) // 10 % 2, ("rest", "run"))
    maps = saliency_map(decoder, recording, 20, 26, method="grad-cam")
    found = check_maps(decoder, recording, maps, ethogram, layers=1, orders=1)
    assert list(found.randomization.table["layer"]) == ["none", "recurrent head"]
    assert found.deletion.random_deletion.shape == (1, 2)
    assert found.deletion.whole.score == "auc"
    verdict = found.verdict
    assert verdict.kind in ("weak", "not supported")  # one order cannot make it hold


def test_a_pdf_has_its_fonts_inside_as_journals_ask(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0.5, 0.5, "MOs left")
    save_figure(figure, tmp_path / "a.pdf")
    written = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in written and b"/Type3" not in written


@pytest.mark.parametrize("suffix", [".svg", ".pdf"])
def test_a_figure_of_a_paper_has_its_fonts_and_beside_it_what_it_shows(
    suffix: str, tmp_path: Path, linear: MakeLinear
) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places(480)
    asked = Question(
        decoder="linear", behavior="run", recording=recording, registration=quarters(),
        ethogram=ethogram, patches=12,
    )  # fmt: skip
    given = answer(asked, decoder)
    write_answer(given, tmp_path / f"figure{suffix}")
    drawn = (tmp_path / f"figure{suffix}").read_bytes()
    assert b"<image" not in drawn.split(b"<defs>")[0] and len(drawn) > 10_000
    if suffix == ".pdf":
        assert b"/FontFile2" in drawn and b"/Type3" not in drawn
    else:
        assert b"<text" not in drawn, "letters are shapes: no font is needed to read them"
    about = json.loads((tmp_path / "figure.json").read_text())
    for part in ("AUC lost", "95 % intervals over 1000 draws", "12 random places", "learned anew"):
        assert part in about["legend"]
    assert given.areas is not None and str(given.areas.verdict) in about["legend"]
    assert about["retrained_auc"][0] > 0.9 and about["areas"][0]["alone"] > 0.9


def test_a_file_in_the_place_of_a_legend_is_left_alone(tmp_path: Path, linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    asked = Question(
        decoder="linear", behavior="run", recording=recording, registration=quarters(),
        ethogram=ethogram, method="occlusion", start=30, stop=33,
    )  # fmt: skip
    (tmp_path / "figure.json").write_text("mine")
    given = answer(asked, decoder)
    with pytest.raises(DecoderError, match=r"figure\.json"):
        write_answer(given, tmp_path / "figure.svg")
    assert (tmp_path / "figure.json").read_text() == "mine"
    write_answer(given, tmp_path / "other.svg")
    assert "maps by occlusion" in json.loads((tmp_path / "other.json").read_text())["legend"]
