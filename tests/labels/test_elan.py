"""Annotations of ELAN: tiers, videos, times that are not there."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import pytest

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Bout, read_labels
from napari_cortex_decoder.recording import Recording


def movie(first: float = 12.5) -> Recording:
    """40 frames at 10 Hz, the first some time into the session."""
    frames = da.zeros((40, 4, 5), "u2")
    return Recording(movie=frames, name="m1", frame_times=first + da.arange(40).compute() / 10)


def write(path: Path, tiers: dict[str, list[tuple]], media: str = "", unit="milliseconds") -> Path:
    """Write tiers, named ``tier`` or ``tier@participant``, of (start, stop, value)."""
    slots, body = [], ""
    for name, bouts in tiers.items():
        tier, _, who = name.partition("@")
        body += f'<TIER LINGUISTIC_TYPE_REF="d" TIER_ID="{tier}"'
        body += f' PARTICIPANT="{who}">' if who else ">"
        for start, stop, value in bouts:
            refs = []
            for time in (start, stop):
                slots.append("" if time is None else f' TIME_VALUE="{time}"')
                refs.append(f"ts{len(slots)}")
            body += (
                f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{len(slots)}" '
                f'TIME_SLOT_REF1="{refs[0]}" TIME_SLOT_REF2="{refs[1]}">'
                f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>"
                "</ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
        body += "</TIER>"
    order = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{n}"{s}/>' for n, s in enumerate(slots, start=1))
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT FORMAT="3.0" VERSION="3.0">'
        f'<HEADER MEDIA_FILE="" TIME_UNITS="{unit}">{media}</HEADER>'
        f"<TIME_ORDER>{order}</TIME_ORDER>{body}</ANNOTATION_DOCUMENT>",
        encoding="utf-8",
    )
    return path


def test_each_annotation_is_a_bout_of_what_it_says_or_of_its_tier(tmp_path: Path) -> None:
    tiers = {"state": [(500, 1200, "run"), (1200, 2000, "rest")], "groom": [(2500, 3000, "")]}
    labels = read_labels(write(tmp_path / "a.eaf", tiers), movie())
    assert labels.bouts == (Bout(5, 12, "run"), Bout(12, 20, "rest"), Bout(25, 30, "groom"))


def test_frames_of_tv_count_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.eaf", {"run": [(25, 50, "")]}, unit="PAL-frames")
    assert read_labels(path, movie()).bouts == (Bout(10, 20, "run"),)


def test_of_several_videos_and_participants_the_one_that_is_meant_counts(tmp_path: Path) -> None:
    media = "".join(
        f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///d/{name}.mp4" MIME_TYPE="video/mp4"{origin}/>'
        for name, origin in (("face", ""), ("m1", ' TIME_ORIGIN="1000"'))
    )
    tiers = {"run@mouse 1": [(500, 1000, "")], "run@mouse 2": [(0, 500, "")]}
    path = write(tmp_path / "a.eaf", tiers, media)
    with pytest.raises(LabelError, match="choose one as subject"):
        read_labels(path, movie())
    assert read_labels(path, movie(), subject="mouse 1").bouts == (Bout(15, 20, "run"),)


@pytest.mark.filterwarnings("ignore:a.eaf")
def test_an_annotation_without_times_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.eaf", {"run": [(500, 1000, ""), (None, None, "")]})
    with pytest.warns(UserWarning, match=r"row 2 .*no time"):
        assert read_labels(path, movie()).bouts == (Bout(5, 10, "run"),)


@pytest.mark.parametrize(
    "text", ["", "<a/>", "<ANNOTATION_DOCUMENT/>", "run,1,2", '<ANNOTATION_DOCUMENT><HEADER/>']
)  # fmt: skip
def test_what_is_no_file_of_elan_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.eaf").write_text(text)
    with pytest.raises(LabelError) as caught:
        read_labels(tmp_path / "a.eaf", movie())
    assert str(tmp_path / "a.eaf") in str(caught.value) and "\n" not in str(caught.value)
    whole = write(tmp_path / "b.eaf", {})
    with pytest.raises(LabelError, match="no annotation"):
        read_labels(whole, movie())
