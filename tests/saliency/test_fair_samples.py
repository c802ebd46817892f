"""A decoder is not explained by what it learned, and labels that are no fair sample are said."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from helpers.toys import quarters, two_places
from napari_cortex_decoder.choices import Method
from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
from napari_cortex_decoder.decoder.config import LinearConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.learned_frames import held_out_frames, said_of_learning
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.errors import LabelError, RecordingError
from napari_cortex_decoder.labels import Ethogram, Source
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import area_importance, cutout_importance, sample_frames


def decoder_of(settings: dict[str, str]) -> Decoder:
    config = LinearConfig(
        window=Window(past=0, future=0),
        preprocessing=TracePreprocessing(
            areas=tuple(area.label for area in quarters().atlas.areas), detrend_seconds=None
        ),
    )
    card = config.provenance.model_copy(update={"settings": settings})
    config = config.model_copy(update={"provenance": card})
    return make_decoder(config, build_network(config), name="mine", hash="0" * 64)


def learned(recording: Recording, *held_out: tuple[int, int]) -> dict[str, str]:
    return said_of_learning({}, [frames_digest(recording)], [held_out])


def test_frames_that_were_held_out_are_scored_and_no_others() -> None:
    recording, ethogram = two_places(480)
    decoder = decoder_of(learned(recording, (60, 200), (300, 400)))
    found = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    assert found.whole.n_frames == 240
    assert any("scored are frames that were held out" in said for said in found.warnings)
    assert any("of 12 of 24 bouts" in said for said in found.warnings), found.warnings


def test_frames_that_it_learned_from_are_said_to_be() -> None:
    recording, ethogram = two_places(480)
    decoder = decoder_of(learned(recording, (60, 200)))
    asked = {"frames": np.arange(100, 300), "patches": 0}
    found = area_importance(decoder, recording, quarters(), ethogram, **asked)
    assert any("from 100 of the 200 scored frames" in said for said in found.warnings)


def test_another_recording_is_none_that_it_learned_from() -> None:
    recording, ethogram = two_places(480)
    other, _ = two_places(480, seed=1)
    found = area_importance(
        decoder_of(learned(other, (60, 200))), recording, quarters(), ethogram, patches=0
    )
    assert found.whole.n_frames == 480 and not any("learned from" in w for w in found.warnings)


def test_the_same_frames_in_another_file_are_the_same_recording() -> None:
    recording, _ = two_places(480)
    copied = recording.replace(
        movie=da.from_array(recording.movie.compute(), chunks=(480, -1, -1)), name="copy"
    )
    known = held_out_frames(decoder_of(learned(recording, (3, 9))).provenance, copied)
    assert known is not None and np.flatnonzero(known).tolist() == list(range(3, 9))


def test_what_was_learned_from_once_is_held_out_no_more() -> None:
    recording, _ = two_places(480)
    before = learned(recording, (60, 200), (300, 400))
    after = said_of_learning(before, [frames_digest(recording)], [[(150, 350)]])
    known = held_out_frames(decoder_of(after).provenance, recording)
    assert known is not None
    assert np.flatnonzero(known).tolist() == [*range(150, 200), *range(300, 350)]


def test_labels_that_a_decoder_read_first_are_said_to_be() -> None:
    recording, ethogram = two_places(480)
    bouts = tuple(
        replace(bout, source=Source.VERIFIED if number < 5 else Source.PERSON)
        for number, bout in enumerate(ethogram.bouts)
    )
    accepted = Ethogram(ethogram.behaviors, bouts, ethogram.n_frames)
    found = area_importance(decoder_of({}), recording, quarters(), accepted, patches=0)
    assert any("5 of the 24 scored bouts were read by a decoder" in w for w in found.warnings)


def test_a_sample_is_drawn_among_frames_that_may_be_chosen() -> None:
    _, ethogram = two_places(480)
    among = np.zeros(480, bool)
    among[110:250] = True
    chosen = sample_frames(ethogram, 60, stretch=10, among=among)
    assert len(chosen) == 60 and among[chosen].all()
    with pytest.raises(LabelError, match="learned from every labelled frame"):
        sample_frames(ethogram, 60, among=np.zeros(480, bool))


@pytest.mark.parametrize("method", ["areas", "pairs"])
def test_the_window_and_the_command_line_ask_in_frames_that_were_held_out(method: Method) -> None:
    from napari_cortex_decoder.saliency.answering import answer
    from napari_cortex_decoder.saliency.question import Question

    recording, ethogram = two_places(480)
    decoder = decoder_of(learned(recording, (60, 200), (300, 400)))
    asked = Question(
        decoder="mine", behavior="run", recording=recording, registration=quarters(),
        ethogram=ethogram, method=method, patches=0,
    )  # fmt: skip
    found = answer(asked, decoder).areas
    assert found is not None and found.whole.n_frames == 240


def test_where_nothing_was_held_out_no_frame_is_left_to_score() -> None:
    recording, ethogram = two_places(480)
    with pytest.raises(RecordingError, match="held out"):
        area_importance(decoder_of(learned(recording)), recording, quarters(), ethogram, patches=0)


def test_cutouts_say_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers.toys import linear_decoder
    from napari_cortex_decoder.saliency.masking import encoding

    monkeypatch.setattr(encoding, "InferenceNetwork", lambda network: network)
    recording, ethogram = two_places(480)
    decoder, network = linear_decoder(np.full((32, 32), 0.01))
    card = decoder.provenance.model_copy(update={"settings": learned(recording, (60, 200))})
    config = decoder.config.model_copy(update={"provenance": card})
    tuned = make_decoder(config, network, name="mine", hash="0" * 64)  # type: ignore[arg-type]
    found = cutout_importance(tuned, recording, ethogram, edge=False)
    assert found.whole.n_frames == 140
    assert any("learned from this recording" in said for said in found.warnings)
