"""Units as files spell them, and numbers that no camera has."""

import numpy as np
import pytest
import tifffile

from napari_cortex_decoder import open_recording, units


@pytest.mark.parametrize(
    "unit",
    [
        "µm",
        "μm",
        "um",
        "UM",
        "Microns",
        "micrometre",
        "Micrometers",
        "[µm]",
        "&#181;m",
        "\\u00b5m",
        "µm\x00",
        b"\xc2\xb5m",
        "Âµm",
        "micro-meter",
    ],
)
def test_a_micrometer_is_known_however_it_is_spelled(unit):
    assert units.millimetres(unit) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("msec", 0.001),
        ("Milliseconds", 0.001),
        ("µsecs", 1e-06),
        ("ns", 1e-09),
        ("mins", 60),
        ("(s)", 1),
        ("Sec.", 1),
        ("hrs", 3600),
    ],
)
def test_times(unit, factor):
    assert units.seconds(unit) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("cm/s", 1),
        ("metres per second", 100),
        ("mm s^-1", 0.1),
        ("cm·s⁻¹", 1),
        ("CM/SEC", 1),
        ("m/min", 100 / 60),
        ("ticks", None),
        ("V", None),
        ("cm/s^2", None),
        ("fortnights", None),
    ],
)
def test_speeds_and_what_is_none(unit, factor):
    assert units.centimetres_a_second(unit) == (factor and pytest.approx(factor))


def test_pixels_are_no_length_and_need_no_word():
    said = []
    assert units.in_millimetres(3, "pixels", said) is None
    assert said == []
    assert units.in_millimetres(3, "furlongs", said) is None
    assert "furlongs" in said[0]


@pytest.mark.parametrize(
    ("metadata", "resolution", "word"),
    [({"finterval": 3e7}, None, "frame rate"), ({"unit": "mm"}, (1 / 25, 1 / 25), "pixel")],
)
def test_what_no_camera_has_is_told_and_not_used(tmp_path, metadata, resolution, word):
    path = tmp_path / "m.tif"
    movie = np.zeros((5, 8, 8), np.uint16)
    metadata = {"axes": "TYX", **metadata}
    tifffile.imwrite(path, movie, imagej=True, metadata=metadata, resolution=resolution)
    recording = open_recording(path)
    assert recording.frame_rate is None and recording.pixel_size is None
    assert any(word in sentence for sentence in recording.warnings)
    given = open_recording(path, frame_rate=0.05, pixel_size=3)
    assert (given.frame_rate, given.pixel_size) == (0.05, 3)
