from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from threading import Event

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QProgressBar, QPushButton

from helpers.windows import (
    N_FRAMES,
    ScriptedDecoder,
    bouts,
    child,
    loads,
    probabilities,
    visible_texts,
    wait_until_idle,
)
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    MouseScore,
    Preprocessing,
    Provenance,
    RoiRnnConfig,
    TracePreprocessing,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.drift import drift_warnings
from napari_cortex_decoder.decoder.networks import CnnRnn
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.labels import Paint
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.decode import decode_job
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def dock(dock: CortexDecoderWidget) -> DecodeSection:
    """The section itself: other sections have buttons and choices of their own."""
    return dock.findChild(DecodeSection)


@pytest.fixture
def chosen(workspace: Workspace, decoder_file: Path) -> Workspace:
    """The workspace with the real, untrained decoder chosen."""
    workspace.choice.offer(decoder_file)
    return workspace


def click(qtbot: QtBot, dock: CortexDecoderWidget, text: str) -> None:
    qtbot.mouseClick(child(dock, QPushButton, text), Qt.MouseButton.LeftButton)


def box_with(dock: CortexDecoderWidget, text: str) -> QComboBox:
    (box,) = [box for box in dock.findChildren(QComboBox) if box.findText(text) >= 0]
    return box


def half_way(workspace: Workspace) -> bool:
    return workspace.decode.progress.stage == "decoding"


def test_a_button_that_cannot_be_pressed_says_why(
    dock: CortexDecoderWidget, chosen: Workspace, recording: Recording
) -> None:
    button = child(dock, QPushButton, "Decode")

    def reason() -> str:
        assert not button.isEnabled()
        assert button.toolTip() in visible_texts(dock, QLabel)
        return button.toolTip()

    assert "Open a recording" in reason()
    chosen.movie.show(recording.replace(frame_rate=None, behavior={}))
    assert "frames a second" in reason()
    chosen.movie.show(recording.replace(frame_rate=12.0))
    assert "tick the box" in reason()
    chosen.movie.show(recording)
    assert button.isEnabled()


def test_the_decoders_card_says_that_it_learned_from_simulated_mice(
    dock: CortexDecoderWidget, chosen: Workspace
) -> None:
    shown = visible_texts(dock, QLabel)
    assert any("learned from simulated mice" in text for text in shown)
    assert any("For tests." in text and "rest | run, 30 Hz" in text for text in shown)


def test_a_decoder_file_joins_the_list_and_is_chosen(
    dock: CortexDecoderWidget, workspace: Workspace, decoder_file: Path
) -> None:
    before = len(workspace.choice.cards)
    workspace.choice.offer(decoder_file)
    workspace.choice.offer(decoder_file)
    assert len(workspace.choice.cards) == before + 1
    box = box_with(dock, "run-rest")
    assert box.count() == before + 1 and box.currentText() == "untrained"


def test_a_file_that_is_no_decoder_ends_in_one_sentence(
    workspace: Workspace, notifications: list[Notification], tmp_path: Path
) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"nothing of the kind")
    before = workspace.choice.card
    workspace.choice.offer(path)
    assert len(notifications) == 1 and str(path) in notifications[0].message
    assert workspace.choice.card is before


def test_a_real_decode_equals_the_decoder_without_a_screen(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    chosen: Workspace,
    opened: Layer,
    recording: Recording,
    decoder_file: Path,
) -> None:
    click(qtbot, dock, "Decode")
    assert chosen.decode.progress.running
    wait_until_idle(qtbot, chosen)
    assert chosen.decode.complete and chosen.decode.prediction is not None
    expected = load_decoder(decoder_file).decode(recording)
    np.testing.assert_allclose(
        chosen.decode.prediction.probability, expected.probability, atol=1e-6
    )
    assert chosen.decode.prediction.decoder_hash == expected.decoder_hash
    shown = visible_texts(dock, QLabel)
    assert any(text.startswith("Decoded in") for text in shown)
    assert "untrained (simulated mice)" in [part.text() for part in dock.findChildren(QLabel)]
    # its speed says when it ran
    qtbot.waitUntil(lambda: bool(chosen.agreement.said))
    assert "with the speed in" in chosen.agreement.said and "AUC" in chosen.agreement.said
    assert chosen.agreement.said in visible_texts(dock, QLabel)
    chosen.speed.set_labelling(True)
    qtbot.waitUntil(lambda: "with the labels in" in chosen.agreement.said)


def test_warnings_have_a_button_that_does_what_they_advise(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, opened: Layer
) -> None:
    assert workspace.decode.advice == ()
    # an hour of it, not detrended, by a decoder that learned from simulated mice
    workspace.movie.set_frame_rate(N_FRAMES / 3600)
    workspace.choice.any_rate = True
    shown, card = workspace.movie.recording, workspace.choice.card
    assert shown is not None and card is not None
    run = (0.5 + 0.45 * np.sin(shown.times / 500)).astype(np.float32)
    slow = np.stack([1 - run, run], axis=1)
    workspace.decode.prediction = Prediction(
        probability=slow, behaviors=("rest", "run"), times=shown.times, decoder=card.name,
        decoder_hash="", device="cpu", settings={},
        warnings=tuple(drift_warnings(slow, shown.times, card.config, ())),
    )  # fmt: skip
    workspace.decode.complete = True
    assert {"detrend", "fine-tune"} <= set(workspace.decode.advice)
    click(qtbot, dock, "Fine-tune…")
    assert workspace.tuning.planning, "the group is unfolded"
    click(qtbot, dock, "Detrend")
    qtbot.waitUntil(lambda: workspace.movie.recording is not workspace.movie.raw)
    assert [step.name for step in workspace.preprocessing.applied] == ["detrend"]


def test_results_show_while_they_come(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    chosen: Workspace,
    opened: Layer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = ScriptedDecoder(go_on=Event())
    monkeypatch.setattr(decode_job, "load_decoder", loads(scripted))
    chosen.decode.decode()
    qtbot.waitUntil(lambda: half_way(chosen))
    assert chosen.decode.prediction is not None
    half = N_FRAMES // 2
    np.testing.assert_array_equal(
        chosen.decode.prediction.probability[:half], scripted.probability[:half]
    )
    assert np.isnan(chosen.decode.prediction.probability[half:]).all()
    assert not chosen.decode.complete
    bar = dock.findChild(QProgressBar)
    assert bar.isVisible() and (bar.value(), bar.maximum()) == (half, N_FRAMES)
    assert any("Decoding  50 %" in text for text in visible_texts(dock, QLabel))
    scripted.go_on.set()
    wait_until_idle(qtbot, chosen)
    np.testing.assert_array_equal(chosen.decode.prediction.probability, scripted.probability)
    assert not bar.isVisible()


def test_cancel_works_within_a_second_and_keeps_what_was_read(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    chosen: Workspace,
    opened: Layer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = ScriptedDecoder(go_on=Event())
    monkeypatch.setattr(decode_job, "load_decoder", loads(scripted))
    chosen.decode.decode()
    qtbot.waitUntil(lambda: half_way(chosen))
    click(qtbot, dock, "Cancel")
    assert scripted.closed.wait(1.0), "the engine was still at work a second later"
    assert not chosen.decode.progress.running and not chosen.decode.complete
    assert chosen.decode.prediction is not None
    assert np.isfinite(chosen.decode.prediction.probability[6 : N_FRAMES // 2]).all()
    assert child(dock, QPushButton, "Decode").isEnabled()
    save = child(dock, QPushButton, "Save…")
    assert not save.isEnabled() and "Decode to the end" in save.toolTip()


def test_cancelling_a_real_decode_takes_less_than_a_second_of_work(
    qtbot: QtBot, chosen: Workspace, recording: Recording
) -> None:
    long = recording.replace(movie=da.concatenate([recording.movie] * 100), behavior={})
    chosen.movie.show(long)
    chosen.decode.decode()
    qtbot.waitUntil(lambda: half_way(chosen))
    chosen.decode.cancel()
    began = time.process_time()  # of all threads: other programs on this machine do not count
    assert QThreadPool.globalInstance().waitForDone(60_000)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "failure",
    [RuntimeError("CUDA out of memory"), ValueError("a defect")],
    ids=["a RuntimeError, which generator workers swallow", "any other error"],
)
def test_an_error_is_notified_and_the_section_is_idle_again(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    chosen: Workspace,
    opened: Layer,
    notifications: list[Notification],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    monkeypatch.setattr(decode_job, "load_decoder", loads(ScriptedDecoder(failure=failure)))
    chosen.decode.decode()
    wait_until_idle(qtbot, chosen)
    assert [str(failure) in note.message for note in notifications] == [True]
    assert child(dock, QPushButton, "Decode").isEnabled()


def test_an_error_of_the_users_making_is_one_sentence(
    qtbot: QtBot, chosen: Workspace, recording: Recording, notifications: list[Notification]
) -> None:
    short = recording.replace(movie=recording.movie[:5], behavior={}, name="short one")
    chosen.movie.show(short)
    chosen.decode.decode()
    wait_until_idle(qtbot, chosen)
    (note,) = notifications
    assert "short one has 5 frames" in note.message
    assert "Traceback" not in note.message


def test_another_frame_rate_needs_a_tick_and_the_result_carries_the_warning(
    qtbot: QtBot, dock: CortexDecoderWidget, chosen: Workspace, recording: Recording
) -> None:
    chosen.movie.show(recording.replace(frame_rate=10.0, behavior={}))
    shown = " ".join(visible_texts(dock, QLabel))
    assert "10 Hz" in shown and "30 Hz" in shown
    tick = dock.findChild(QCheckBox)
    assert tick.isVisible() and not tick.isChecked()
    tick.click()
    click(qtbot, dock, "Decode")
    wait_until_idle(qtbot, chosen)
    assert chosen.decode.prediction is not None
    assert any("10 frames a second" in text for text in chosen.decode.prediction.warnings)


def test_a_button_brings_the_recording_to_the_decoders_rate_and_all_that_follows_with_it(
    qtbot: QtBot, viewer: Viewer, dock: DecodeSection, chosen: Workspace, recording: Recording
) -> None:
    slow = recording.replace(movie=recording.movie[:60], frame_rate=15.0, behavior={})
    viewer.add_layer(Layer.create(*movie_layer(slow, (500.0, 1500.0))))
    chosen.labels.edit(Paint(start=20, stop=40, behavior="run"))
    click(qtbot, dock, "Resample to 30 Hz")
    qtbot.waitUntil(lambda: chosen.movie.recording.frame_rate == 30)
    assert chosen.movie.recording.n_frames == 120
    assert bouts(chosen) == [(40, 80, "run")]
    assert not any("may mean nothing" in text for text in visible_texts(dock, QLabel))
    click(qtbot, dock, "Decode")
    wait_until_idle(qtbot, chosen)
    assert chosen.decode.prediction.probability.shape == (120, 2)
    assert chosen.decode.prediction.times[40] == pytest.approx(slow.times[20])


def test_a_recording_filmed_too_slowly_is_not_resampled(
    dock: DecodeSection, chosen: Workspace, recording: Recording
) -> None:
    chosen.movie.show(recording.replace(frame_rate=1.0, behavior={}))
    assert any("too slowly" in text for text in visible_texts(dock, QLabel))
    assert not any("Resample" in text for text in visible_texts(dock, QPushButton))


def test_a_tick_for_one_recording_is_none_for_the_next(
    dock: CortexDecoderWidget, chosen: Workspace, recording: Recording
) -> None:
    chosen.movie.show(recording.replace(frame_rate=10.0, behavior={}))
    dock.findChild(QCheckBox).click()
    assert chosen.decode.obstacle is None
    chosen.movie.show(recording.replace(movie=recording.movie + 1, frame_rate=9.0, behavior={}))
    assert chosen.decode.obstacle is not None and not dock.findChild(QCheckBox).isChecked()


def test_a_rate_within_a_tenth_needs_no_tick(
    dock: CortexDecoderWidget, chosen: Workspace, recording: Recording
) -> None:
    chosen.movie.show(recording.replace(frame_rate=32.9, behavior={}))
    assert chosen.decode.obstacle is None and not dock.findChild(QCheckBox).isVisible()


def test_decoding_again_with_another_decoder_replaces_the_prediction(
    qtbot: QtBot, chosen: Workspace, opened: Layer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = ScriptedDecoder("one"), ScriptedDecoder("two", 1 - probabilities())
    decoders = {"untrained": first, "copy": second}
    monkeypatch.setattr(decode_job, "load_decoder", lambda source: decoders[Path(source).stem])
    chosen.decode.decode()
    wait_until_idle(qtbot, chosen)
    copy = tmp_path / "copy.safetensors"
    assert chosen.choice.card is not None
    copy.write_bytes(Path(chosen.choice.card.source).read_bytes())
    chosen.choice.offer(copy)
    chosen.decode.decode()
    wait_until_idle(qtbot, chosen)
    assert chosen.decode.prediction is not None and chosen.decode.prediction.decoder == "two"
    np.testing.assert_array_equal(chosen.decode.prediction.probability, second.probability)


def test_late_results_of_a_cancelled_decode_are_dropped(
    qtbot: QtBot, chosen: Workspace, opened: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = ScriptedDecoder("slow", go_on=Event()), ScriptedDecoder("quick")
    waiting = [slow, quick]
    monkeypatch.setattr(decode_job, "load_decoder", lambda source: waiting.pop(0))
    chosen.decode.decode()
    qtbot.waitUntil(lambda: half_way(chosen))
    chosen.decode.cancel()
    chosen.choice.choose(chosen.choice.cards[-1])
    chosen.decode._loaded = None
    chosen.decode.decode()
    slow.go_on.set()
    wait_until_idle(qtbot, chosen)
    assert chosen.decode.prediction is not None and chosen.decode.prediction.decoder == "quick"


def test_a_prediction_can_be_saved(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    chosen: Workspace,
    opened: Layer,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    chosen.decode.decode()
    wait_until_idle(qtbot, chosen)
    assert child(dock, QPushButton, "Save…").isEnabled()
    chosen.decode.save(tmp_path / "m1.csv")
    rows = list(csv.DictReader((tmp_path / "m1.csv").open()))
    assert len(rows) == N_FRAMES and set(rows[0]) >= {"frame", "time_s", "p_run", "behavior"}
    assert json.loads((tmp_path / "m1.json").read_text())["decoder"]["name"] == "untrained"
    chosen.decode.save(tmp_path / "missing" / "m1.csv")
    assert "cannot be written" in notifications[0].message


def test_behavior_that_comes_later_keeps_the_prediction_and_another_movie_drops_it(
    qtbot: QtBot,
    chosen: Workspace,
    opened: Layer,
    recording: Recording,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decode_job, "load_decoder", loads(ScriptedDecoder()))
    chosen.decode.decode()
    wait_until_idle(qtbot, chosen)
    chosen.movie.show(recording.replace(behavior={}))
    assert chosen.decode.prediction is not None
    chosen.movie.show(recording.replace(frame_rate=29.0))
    assert chosen.decode.prediction is None and not chosen.decode.complete


def test_devices_are_listed_once_a_recording_is_open(
    qtbot: QtBot, dock: CortexDecoderWidget, chosen: Workspace, opened: Layer
) -> None:
    from napari_cortex_decoder.decoder.engine.devices import available_devices

    expected = ["auto", *available_devices()]
    qtbot.waitUntil(lambda: list(chosen.choice.devices) == expected)
    box = box_with(dock, "Automatic")
    assert [box.itemData(i) for i in range(box.count())] == expected


# --- decoders of area traces ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def area_decoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder of two areas, with weights nobody trained."""
    import torch

    from napari_cortex_decoder.decoder.networks import build_network

    torch.manual_seed(0)
    config = RoiRnnConfig(
        preprocessing=TracePreprocessing(areas=("MOs left", "MOs right"), atlas="dorsal-cortex"),
        provenance=Provenance(
            simulated=True,
            summary="From two areas.",
            held_out=(MouseScore(subject="m7", metrics={"AUC": 0.9}),),
            limits=("Never <seen> a real mouse.",),
        ),
    )
    path = tmp_path_factory.mktemp("decoder") / "areas.safetensors"
    make_decoder(config, build_network(config).eval(), name="areas").save(path)
    return path


def placed(name: str) -> Registration:
    return Registration.upright(load_atlas(name), 0.3, (16, 16))


def test_a_decoder_of_areas_asks_for_its_atlas_and_decodes_once_that_lies_there(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    opened: Layer,
    recording: Recording,
    area_decoder_file: Path,
) -> None:
    workspace.choice.offer(area_decoder_file)
    button = child(dock, QPushButton, "Decode")
    assert not button.isEnabled()
    assert "2 areas: place the atlas dorsal-cortex first" in button.toolTip()
    assert button.toolTip() in visible_texts(dock, QLabel)

    workspace.placing.begin(placed("ajioka-50"))
    assert "ajioka-50 has no MOs left and 1 more areas" in button.toolTip()

    workspace.placing.begin(placed("dorsal-cortex"))
    assert button.isEnabled()
    click(qtbot, dock, "Decode")
    wait_until_idle(qtbot, workspace)
    expected = load_decoder(area_decoder_file).decode(
        recording, registration=placed("dorsal-cortex")
    )
    assert workspace.decode.complete and workspace.decode.prediction is not None
    np.testing.assert_allclose(
        workspace.decode.prediction.probability, expected.probability, atol=1e-6
    )


def test_areas_out_of_view_are_told_when_it_is_tried(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    opened: Layer,
    area_decoder_file: Path,
    notifications: list[Notification],
) -> None:
    workspace.choice.offer(area_decoder_file)
    workspace.placing.begin(Registration.upright(load_atlas("dorsal-cortex"), 0.3, (500, 16)))
    click(qtbot, dock, "Decode")
    wait_until_idle(qtbot, workspace)
    assert not workspace.decode.complete
    assert "covers no pixel of m1" in notifications[-1].message


def test_the_chooser_shows_the_whole_card_of_each_decoder(
    dock: CortexDecoderWidget, workspace: Workspace, area_decoder_file: Path
) -> None:
    workspace.choice.offer(area_decoder_file)
    box = box_with(dock, "run-rest")
    card = box.itemData(box.currentIndex(), Qt.ItemDataRole.ToolTipRole)
    assert card == box.toolTip()
    for part in ("From two areas.", "mouse m7: AUC 0.900", "Limit: Never &lt;seen&gt;"):
        assert part in card


def test_a_decoder_of_raw_frames_refuses_what_has_no_baseline_and_reads_the_raw_movie_again(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, opened: Layer, tmp_path: Path
) -> None:
    paper = CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32)))
    make_decoder(paper, CnnRnn(paper).eval(), name="paper").save(tmp_path / "paper.safetensors")
    workspace.choice.offer(tmp_path / "paper.safetensors")
    workspace.preprocessing.switch("delta-f", True)
    workspace.preprocessing.apply()
    qtbot.waitUntil(lambda: workspace.movie.recording is not workspace.movie.raw)
    assert not child(dock, QPushButton, "Decode").isEnabled()
    assert "divides by the SD of raw frames" in child(dock, QPushButton, "Decode").toolTip()
    workspace.preprocessing.show_raw()
    qtbot.waitUntil(child(dock, QPushButton, "Decode").isEnabled)
    click(qtbot, dock, "Decode")
    qtbot.waitUntil(lambda: workspace.decode.complete)
