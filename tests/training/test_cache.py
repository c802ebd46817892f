"""Recordings are read once into files that are whole, or refused in one sentence."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.places import age
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnConfig, LinearConfig, Preprocessing, TracePreprocessing
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.networks import Encoder, reestimate_batch_norm
from napari_cortex_decoder.errors import CortexDecoderError, TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.training import Augmentation, Session
from napari_cortex_decoder.training.cache import (
    areas_shown_by_all,
    cache_features,
    cache_session,
)

IMAGES = CnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))
Mice = Callable[..., list[Session]]


def changed(session: Session, **changes: object) -> Session:
    return replace(session, load=lambda: session.load()._replace(**changes))


def test_cached_frames_are_what_the_decoding_engine_will_see(mice: Mice, tmp_path: Path) -> None:
    (session,) = mice(1)
    cached = cache_session(session, IMAGES, tmp_path.joinpath)
    seen = np.concatenate(list(normalized_frames(session.load().recording, IMAGES.preprocessing)))
    np.testing.assert_allclose(cached.values, seen, atol=3e-3)
    np.testing.assert_array_equal(cached.labels, session.load().ethogram.frames())


def test_a_recording_is_read_once_for_the_same_settings_only(mice: Mice, tmp_path: Path) -> None:
    (session,) = mice(1)
    first = cache_session(session, IMAGES, tmp_path.joinpath)
    written = first.file.stat().st_mtime_ns
    assert cache_session(session, IMAGES, tmp_path.joinpath).file.stat().st_mtime_ns == written
    larger = IMAGES.model_copy(update={"preprocessing": Preprocessing(image_size=(64, 64))})
    assert cache_session(session, larger, tmp_path.joinpath).file != first.file
    other = replace(session, fingerprint="changed since")
    assert cache_session(other, IMAGES, tmp_path.joinpath).file != first.file


def test_what_a_killed_run_left_in_a_cache_is_removed_though_all_is_read_into_it(
    mice: Mice, tmp_path: Path
) -> None:
    (session,) = mice(1)
    cached = cache_session(session, IMAGES, (tmp_path / "first").joinpath)
    left = tmp_path / "shared" / ".cortex-decoder-3a5b7c9d.part"
    (left / "new").mkdir(parents=True)
    (left / "new" / "half.npy").write_bytes(b"half")
    (left / "napari-cortex-decoder.lock").touch()
    age(tmp_path)
    cached.file.rename(tmp_path / "shared" / cached.file.name)
    cache_session(session, IMAGES, (tmp_path / "shared").joinpath)
    assert [one.name for one in (tmp_path / "shared").iterdir()] == [cached.file.name]


def test_a_file_in_a_cache_that_no_recording_was_read_into_is_told(
    mice: Mice, tmp_path: Path
) -> None:
    (session,) = mice(1)
    cached = cache_session(session, IMAGES, tmp_path.joinpath)
    for content in (b"my notes", b"", cached.file.read_bytes()[:-1000]):
        cached.file.write_bytes(content)
        again = cache_session(session, IMAGES, tmp_path.joinpath)
        with pytest.raises(TrainingError, match=r"\.npy: (this cannot be read as what a r|it has)"):
            again.values[0]
        assert cached.file.read_bytes() == content
    for other in (np.zeros(len(cached.labels)), np.zeros((len(cached.labels), 4), [("a", "f4")])):
        np.save(cached.file, other)
        with pytest.raises(TrainingError, match="it holds"):
            cache_session(session, IMAGES, tmp_path.joinpath).values[0]


def test_frames_of_a_warm_up_are_not_learned_from(mice: Mice, tmp_path: Path) -> None:
    (session,) = mice(1)
    running = Preprocessing(
        image_size=(32, 32), scale="centered-sd", statistics="running", warm_up_seconds=2
    )
    cached = cache_session(session, CnnConfig(preprocessing=running), tmp_path.joinpath)
    assert cached.first == 60
    assert np.isfinite(cached.values).all()


def test_area_traces_are_of_the_areas_that_all_recordings_show(mice: Mice, tmp_path: Path) -> None:
    one, two = mice(2)
    registration = one.load().registration
    assert registration is not None
    off = changed(two, registration=registration.nudged(columns=15))
    config = areas_shown_by_all(LinearConfig(), [one, off])
    assert isinstance(config.preprocessing, TracePreprocessing)
    assert "MOp left" in config.preprocessing.areas  # the right half is off the movie
    assert "MOp right" not in config.preprocessing.areas
    assert config.preprocessing.atlas == "dorsal-cortex"
    cached = cache_session(one, config, tmp_path.joinpath)
    assert cached.values.shape == (240, len(config.preprocessing.areas))
    assert (cached.values.min(axis=0) == 0).all()
    assert (cached.values.max(axis=0) == 1).all()


def test_features_are_those_of_the_encoder_and_further_copies_differ(
    mice: Mice, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    encoder = Encoder()
    session = mice(1, n_frames=60)[0]
    cached = cache_session(session, IMAGES, tmp_path.joinpath)
    images = torch.from_numpy(
        np.stack([cached.values[t - 1 : t + 2] for t in range(1, 59)]).astype(np.float32)
    )
    reestimate_batch_norm(encoder, images)
    told: list[tuple[int, int]] = []

    def features() -> list[object]:
        return cache_features(
            encoder,
            {"features": cached},
            tmp_path.joinpath,
            IMAGES,
            copies=2,
            augmentation=Augmentation(),
            stretch=None,
            seed=1,
            compute=CPU,
            report=lambda event: told.append((event.done, event.total)),
        )

    plain, varied = features()
    assert (plain.first, plain.stop) == (1, 59)
    with torch.inference_mode():
        expected = encoder.features(images).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(plain.values[1:59], expected, atol=5e-3)
    assert np.abs(varied.values[1:59] - plain.values[1:59]).max() > 0.05
    assert told == [(1, 2), (2, 2)]
    kept = np.array(varied.values)
    varied.file.unlink()
    np.testing.assert_array_equal(features()[1].values, kept)  # the same draws again


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Let no file grow over so many bytes, as a full disk would not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_sentence_and_leaves_nothing_behind(
    mice: Mice, tmp_path: Path, full_disk: Callable[[int], None]
) -> None:
    folder = tmp_path / "cache"
    full_disk(100_000)
    with pytest.raises(TrainingError, match="cannot be written"):
        cache_session(mice(1)[0], IMAGES, folder.joinpath)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ethogram": Ethogram(("rest", "run"), (), 239)}, "240 frames and its labels 239"),
        ({"registration": None}, "no registration"),
    ],
    ids=["labels-of-another-length", "no-registration"],
)
def test_a_session_that_does_not_fit_is_refused(
    changes: dict[str, object], sentence: str, mice: Mice, tmp_path: Path
) -> None:
    session = changed(mice(1)[0], **changes)
    with pytest.raises(CortexDecoderError, match=sentence):
        cache_session(session, areas_shown_by_all(LinearConfig(), [session]), tmp_path.joinpath)


def test_another_frame_rate_is_refused(mice: Mice, tmp_path: Path) -> None:
    (session,) = mice(1)
    slow = changed(session, recording=session.load().recording.replace(frame_rate=10.0))
    with pytest.raises(CortexDecoderError, match="10 frames a second"):
        cache_session(slow, IMAGES, tmp_path.joinpath)
