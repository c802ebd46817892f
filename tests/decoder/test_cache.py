"""The cache: what it saves, what it must not mistake, and that it is never in the way."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers.waves import make_network, moving_frames
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.decoder.cache import feature_cache as cache_module
from napari_cortex_decoder.decoder.cache.feature_cache import list_cache
from napari_cortex_decoder.decoder.engine import inference
from napari_cortex_decoder.progress import unheard
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.tuning.features import recording_features

SMALL = Preprocessing(image_size=(32, 32), scale="centered-sd")
CAUSAL = SMALL.model_copy(update={"channel_offsets": (-2, -1, 0)})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CORTEX_DECODER_CACHE", str(folder))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, moving_frames(30, (32, 32)), photometric="minisblack")
    return path


@pytest.fixture
def recording(file: Path) -> Recording:
    return open_recording(file, frame_rate=30)


@pytest.fixture(scope="module")
def quick() -> Decoder:
    config = CnnRnnConfig(window=Window(past=1, future=1), preprocessing=SMALL)
    return make_decoder(config, make_network(config), name="quick")


def test_a_second_decode_encodes_nothing_and_gives_the_same(
    quick: Decoder, recording: Recording, encoded: Callable[[], int]
) -> None:
    once = quick.decode(recording, compute=CPU).probability
    assert encoded() == 28
    again = quick.decode(recording, compute=CPU).probability
    assert encoded() == 0
    np.testing.assert_allclose(again, once, atol=1e-6, rtol=0)
    assert sorted(entry.kind for entry in list_cache()) == ["features", "statistics"]
    assert {entry.recording for entry in list_cache()} == {"m1"}


def test_a_second_decode_does_not_even_make_an_encoder(
    quick: Decoder, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = quick.decode(recording, compute=CPU).probability
    monkeypatch.delattr(inference, "fuse_conv_bn_eval")
    again = quick.decode(recording, compute=CPU).probability
    np.testing.assert_allclose(again, once, atol=1e-6, rtol=0)


def test_another_head_on_the_same_encoder_starts_from_its_features(
    quick: Decoder, recording: Recording, encoded: Callable[[], int]
) -> None:
    quick.decode(recording, compute=CPU)
    encoded()
    config = CnnRnnConfig(window=Window(past=2, future=0), preprocessing=CAUSAL)
    network = make_network(config)
    network.cnn.load_state_dict(quick.network.cnn.state_dict())
    other = make_decoder(config, network, name="other")
    probability = other.decode(recording, compute=CPU).probability
    assert encoded() == 0
    expected = other.decode(recording, compute=CPU, cached=False).probability
    assert encoded() == 28
    np.testing.assert_allclose(probability, expected, atol=1e-6, rtol=0)


def test_who_wants_features_alone_gets_those_of_the_cache_unclassified(
    quick: Decoder, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = recording_features(quick, recording, compute=CPU, report=unheard)
    assert np.abs(encoded[1:-1]).sum(axis=1).all()
    monkeypatch.delattr(inference.InferenceNetwork, "classify")
    again = recording_features(quick, recording, compute=CPU, report=unheard)
    np.testing.assert_array_equal(again, encoded)


def test_another_encoder_starts_from_the_statistics_only(
    quick: Decoder, recording: Recording, encoded: Callable[[], int]
) -> None:
    quick.decode(recording, compute=CPU)
    encoded()
    network = make_network(quick.config)
    network.cnn._conv_stem.weight.data *= 1.01
    events = list(make_decoder(quick.config, network, name="other").stream(recording, compute=CPU))
    assert encoded() == 28
    assert not any(event.stage == "measuring the movie" and event.done for event in events)


@pytest.mark.parametrize("change", ["content", "time", "crop"])
def test_a_recording_that_is_not_the_same_is_decoded_anew(
    quick: Decoder, file: Path, encoded: Callable[[], int], change: str
) -> None:
    recording = open_recording(file, frame_rate=30)
    quick.decode(recording, compute=CPU)
    encoded()
    if change == "content":
        before = file.stat()
        tifffile.imwrite(file, moving_frames(30, (32, 32), seed=5), photometric="minisblack")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        recording = open_recording(file, frame_rate=30)
    elif change == "time":
        os.utime(file, ns=(1, 1))
        recording = open_recording(file, frame_rate=30)
    else:
        recording = recording.replace(movie=recording.movie[:, :30], behavior={})
    quick.decode(recording, compute=CPU)
    assert encoded() == 28


def test_a_recording_without_a_file_and_one_that_is_told_so_are_not_kept(
    quick: Decoder, recording: Recording
) -> None:
    quick.decode(recording, compute=CPU, cached=False)
    quick.decode(recording.replace(path=None), compute=CPU)
    assert not list_cache()


@pytest.mark.parametrize("damage", ["cut", "bits", "zeros", "other shape"])
def test_a_damaged_entry_is_told_in_the_log_and_computed_again(
    quick: Decoder,
    recording: Recording,
    encoded: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    expected = quick.decode(recording, compute=CPU).probability
    encoded()
    entry = next(entry.path for entry in list_cache() if entry.kind == "features")
    content = bytearray(entry.read_bytes())
    if damage == "cut":
        entry.write_bytes(content[: len(content) // 2])
    elif damage == "bits":
        content[len(content) // 2] ^= 1
        entry.write_bytes(content)
    elif damage == "zeros":  # what a power cut may leave
        entry.write_bytes(bytes(len(content)))
    else:
        statistics = next(entry.path for entry in list_cache() if entry.kind == "statistics")
        entry.write_bytes(statistics.read_bytes())
    with caplog.at_level(logging.WARNING):
        probability = quick.decode(recording, compute=CPU).probability
    assert encoded() == 28
    np.testing.assert_allclose(probability, expected, atol=1e-6, rtol=0)
    assert "is damaged" in caplog.text and entry.name in caplog.text
    quick.decode(recording, compute=CPU)
    assert encoded() == 0  # it has been replaced by a sound one


def test_a_folder_that_cannot_be_written_is_no_failure_of_decoding(
    quick: Decoder, recording: Recording, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("a file where the folder would be")
    assert np.isfinite(quick.decode(recording, compute=CPU).probability[2:-2]).all()
    assert "nothing is kept in the cache" in caplog.text


def test_a_cancelled_decode_leaves_nothing_half_done(
    quick: Decoder, recording: Recording, folder: Path
) -> None:
    stream = quick.stream(recording, compute=Compute(device="cpu", batch_size=4))
    for event in stream:
        if event.stage == "decoding" and event.done > 5:
            break
    stream.close()
    assert [entry.kind for entry in list_cache()] == ["statistics"]
    assert not list(folder.rglob("*.part"))


def test_what_was_not_used_for_longest_goes_first(
    quick: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["m1", "m2", "m3"]
    for number, name in enumerate(names):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, moving_frames(30, (32, 32), number), photometric="minisblack")
        if name == "m3":
            for entry in list_cache():  # m1 was read since m2 was
                os.utime(entry.path, (1e9, 1e9) if entry.recording == "m2" else None)
            total = sum(entry.n_bytes for entry in list_cache())
            monkeypatch.setattr(cache_module, "LIMIT_BYTES", total + 1000)
        quick.decode(open_recording(path, frame_rate=30), compute=CPU)
    assert {entry.recording for entry in list_cache() if entry.kind == "features"} == {"m1", "m3"}


def test_the_cache_is_listed_and_cleared_from_the_command_line(
    quick: Decoder, recording: Recording, run: Callable[..., tuple[int, str, str]]
) -> None:
    quick.decode(recording, compute=CPU)
    code, printed, _ = run("cache")
    assert code == 0 and "m1" in printed and "features" in printed and "MB" in printed
    assert run("cache", "--clear")[0] == 0
    assert not list_cache()
    code, printed, _ = run("cache", "--json")
    assert code == 0 and '"entries": []' in printed
