"""A sentence is one line that every screen can show, whatever a file put into it."""

from __future__ import annotations

import pytest

from napari_cortex_decoder.errors import CortexDecoderError, RecordingError
from napari_cortex_decoder.reading import reads

STRANGE = {
    "line ends": ("a\nb\r\nc\u2028d", "a b  c d"),
    "a name that is no UTF-8": ("m\udcff.tif", "m\\udcff.tif"),
    "a terminal's commands": ("\x1b[2J", "\\x1b[2J"),
    "letters of people": ("Größe 4 × 4 µm — naïve", "Größe 4 × 4 µm — naïve"),
}


@pytest.mark.parametrize(("said", "shown"), STRANGE.values(), ids=STRANGE)
def test_what_files_put_into_a_sentence_is_shown_on_one_line(said: str, shown: str) -> None:
    sentence = str(RecordingError(f"{said}: save it again."))
    assert sentence == f"{shown}: save it again."
    assert sentence.encode()


def test_a_name_as_long_as_a_book_leaves_the_file_and_the_remedy_to_be_read() -> None:
    sentence = str(CortexDecoderError(f"m.csv: the column {60000 * 'x'!r} is odd; rename it."))
    assert len(sentence) < 3000
    assert sentence.startswith("m.csv: the column") and sentence.endswith("is odd; rename it.")


@pytest.mark.parametrize(
    ("paths", "named"),
    [("a.tif", "a.tif"), (("a.tif",), "a.tif"), (["a.tif", "b.tif"], "a.tif and 1 more")],
    ids=["a file", "one file of a list", "two files"],
)
def test_what_cannot_be_read_is_named_as_its_owner_knows_it(paths: object, named: str) -> None:
    @reads("a movie")
    def read(paths: object) -> None:
        raise ValueError("odd bytes")

    with pytest.raises(RecordingError, match=f"^{named}: this cannot be read as a movie"):
        read(paths)
