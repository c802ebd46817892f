"""Text tables as programs and spreadsheets save them: no line is lost, no number misread."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording, add_behavior

N = 20
SPEED = 1.5 * np.arange(N)


def recording() -> Recording:
    return Recording(movie=da.zeros((N, 4, 4)), name="m", frame_rate=10.0)


def traces(path: Path, content: str | bytes, name: str = "speed.csv", **options):
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return add_behavior(recording(), file, **options)


def lines(*columns, separator: str = ",", show=str) -> str:
    rows = zip(*columns, strict=True)
    return "".join(separator.join(map(show, row)) + "\n" for row in rows)


TIMES = [f"{i / 10:.1f}" for i in range(N)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lines(SPEED), id="no header"),
        pytest.param("# by the rig\n" + lines(SPEED), id="a comment and no header"),
        pytest.param("# t (s), speed\n" + lines(TIMES, SPEED), id="the header in a comment"),
        pytest.param("sep=;\ntime;speed\n" + lines(TIMES, SPEED, separator=";"), id="sep"),
        pytest.param("time\tspeed\n" + lines(TIMES, SPEED, separator="\t"), id="tabs"),
        pytest.param("time|speed\n" + lines(TIMES, SPEED, separator="|"), id="bars"),
        pytest.param("time speed\n" + lines(TIMES, SPEED, separator="  "), id="blanks"),
        pytest.param(",speed\n" + lines(range(N), SPEED), id="an index without a name"),
        pytest.param("time,speed,\n" + lines(TIMES, SPEED, [""] * N), id="a last separator"),
        pytest.param('"time","speed"\n' + lines(range(1, N + 1), TIMES, SPEED), id="of R"),
        pytest.param("time,speed\ns,cm/s\n" + lines(TIMES, SPEED), id="units below"),
        pytest.param(
            "time,speed\n" + lines([f"{t} s" for t in TIMES], SPEED), id="a unit in cells of time"
        ),
        pytest.param(
            "time,speed\n"
            + lines([f"{100 * i}ms" for i in range(N)], [f"{v} cm/s" for v in SPEED]),
            id="units in all cells",
        ),
        pytest.param("time,speed\n" + lines(TIMES, SPEED) + "nan,nan\n", id="a last row of nan"),
        pytest.param(
            "frame,speed\n" + lines(range(N), SPEED) + "NA,\nn/a, -\n", id="last rows of nothing"
        ),
        pytest.param("Rig 3\nmouse,7\n\ntime,speed,x\n" + lines(TIMES, SPEED, SPEED), id="above"),
        pytest.param("frame,speed\n" + lines(range(N), SPEED), id="frames"),
        pytest.param(("time,speed\n" + lines(TIMES, SPEED)).encode("utf-16"), id="UTF-16"),
        pytest.param(
            b"\xef\xbb\xbf" + ("time,speed\r\n" + lines(TIMES, SPEED)).encode(), id="a BOM"
        ),
        pytest.param(
            "temps (s);speed;pupil (µm)\n".encode("cp1252").replace(b"temps", b"time")
            + lines(TIMES, SPEED, SPEED, separator=";").encode(), id="Windows text",
        ),
    ],
)  # fmt: skip
def test_no_value_is_lost_however_the_table_begins(tmp_path, content):
    speed = traces(tmp_path, content).behavior["speed"]
    np.testing.assert_array_equal(speed.values, SPEED)
    np.testing.assert_allclose(speed.times, np.arange(N) / 10)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_without_a_header_are_asked_for_by_that_word(tmp_path, separator):
    with pytest.raises(RecordingError, match="no header line"):
        traces(tmp_path, lines(TIMES, SPEED, separator=separator))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Time Stamp (ms)", lambda t: f"{1000 * t:.0f}"),
        ("time_ms", lambda t: f"{1000 * t:.0f}"),
        ("TimeStamp [us]", lambda t: f"{1e6 * t:.0f}"),
        ("Elapsed Time (min)", lambda t: f"{t / 60:.9f}"),
        ("t", lambda t: f"{t:.3f}"),
        ("timestamps", lambda t: f"00:{int(t // 60):02d}:{t % 60:06.3f}"),
        ("Time", lambda t: f"{int(t // 60)}:{t % 60:06.3f}"),
    ],
)
def test_times_are_found_by_the_names_that_instruments_give_them(tmp_path, name, shown):
    times = np.arange(0, 2, 0.05)
    content = f"{name},speed\n" + lines(map(shown, times), times)
    np.testing.assert_allclose(traces(tmp_path, content).behavior["speed"].times, times, atol=1e-7)


def test_frame_numbers_beside_times_are_the_movies_clock_only_if_they_are_as_many(tmp_path):
    stamps = 5 + np.cumsum([0, *[33, 34, 33] * 7])[:N] / 1000
    named = traces(tmp_path, "FrameNumber,Timestamp (s),dark\n" + lines(range(N), stamps, [0] * N))
    np.testing.assert_allclose(named.times, stamps)
    other = np.arange(60) / 30
    camera = traces(tmp_path, "frame,time,pupil\n" + lines(range(60), other, other))
    assert camera.frame_times is None
    np.testing.assert_allclose(camera.behavior["pupil"].times, other)
    alone = traces(tmp_path, "timestamp\n" + lines(stamps), "stamps.csv")
    np.testing.assert_allclose(alone.times, stamps)


def test_true_and_false_are_one_and_zero_not_labels(tmp_path):
    said = ["True" if i % 2 else "FALSE" for i in range(N)]
    whole = traces(tmp_path, "lick\n" + lines(said))
    np.testing.assert_array_equal(whole.behavior["lick"].values, np.arange(N) % 2)


@pytest.mark.parametrize(
    ("separator", "shown"),
    [
        (";", lambda v: f"{v:,.2f}".translate(str.maketrans(",.", ".,"))),
        ("\t", lambda v: f"{v:,.2f}"),
        (",", lambda v: f'"{v:,.2f}"'),
        (";", lambda v: f"{v:.2f}".replace(".", ",")),
        (";", lambda v: f"{v:,.1f}".replace(",", "'")),
        ("\t", lambda v: f"{v:,.1f}".replace(",", "\u202f")),
    ],
)
def test_thousands_and_decimals_are_told_apart(tmp_path, separator, shown):
    values = np.linspace(950, 1_234_567.5, N).round(1)
    content = f"count{separator}x\n" + "".join(f"{shown(v)}{separator}1\n" for v in values)
    np.testing.assert_allclose(traces(tmp_path, content).behavior["count"].values, values)


def test_a_comma_that_could_be_either_is_told(tmp_path):
    values = [f"{v:,d}" for v in range(990, 990 + N)]
    whole = traces(tmp_path, "count\tx\n" + lines(values, [1] * N, separator="\t"))
    np.testing.assert_array_equal(whole.behavior["count"].values, np.arange(990, 990 + N))
    assert "comma" in " ".join(whole.warnings)


def test_a_lone_quotation_mark_swallows_no_rows(tmp_path):
    notes = ['"odd', *["none"] * (N - 1)]
    content = "speed,note\n" + lines(SPEED, notes)
    np.testing.assert_array_equal(
        traces(tmp_path, content, fields=["speed"]).behavior["speed"].values, SPEED
    )


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=N, max_size=N),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["", "speed (cm/s)"]),
)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_with_and_without_a_header(
    tmp_path_factory, values, separator, header
):
    rows = "".join(f"{v!r}{separator if header else ''}\n" for v in values)
    folder = tmp_path_factory.mktemp("table")
    content = (f"{header}{separator}\n" if header else "") + rows
    np.testing.assert_array_equal(traces(folder, content).behavior["speed"].values, values)


def test_times_a_thousand_times_too_long_are_asked_about(tmp_path):
    content = "time,speed\n" + lines([100 * i for i in range(N)], SPEED)
    assert "in ms" in " ".join(traces(tmp_path, content).warnings)
    with pytest.raises(RecordingError, match="'ticks'"):
        traces(tmp_path, "time (ticks),speed\n" + lines(range(N), SPEED))


@pytest.mark.parametrize("unit", [1, 1e3, 1e6])
@pytest.mark.parametrize("name", ["timestamp", "Time"])
def test_times_that_count_from_1970_are_dates_whatever_their_unit(tmp_path, unit, name):
    path = tmp_path / "speed.csv"
    rows = "".join(f"{round((1_709_287_200 + i / 10) * unit, 3)},{i}.5\n" for i in range(20))
    path.write_text(f"{name},speed\n{rows}")
    recording = Recording(
        movie=da.zeros((20, 4, 4)), name="m", frame_rate=10, frame_times=12.5 + np.arange(20) / 10
    )
    whole = add_behavior(recording, path)
    np.testing.assert_allclose(whole.behavior["speed"].times, recording.times, atol=1e-5)
    assert any("dates" in said for said in whole.warnings)


@pytest.mark.parametrize("cell", ["#N/A", "-", "NaN", "", "n/a"])
def test_a_cell_in_which_nothing_is_known_is_unknown(tmp_path, cell):
    path = tmp_path / "speed.csv"
    path.write_text("time,speed\n0,1.5\n0.1," + cell + "\n0.2,2.5\n")
    recording = Recording(movie=da.zeros((3, 4, 4)), name="m", frame_rate=10)
    values = add_behavior(recording, path).behavior["speed"].values
    np.testing.assert_array_equal(values, [1.5, np.nan, 2.5])


def test_cells_of_time_in_another_unit_than_their_column_are_refused(tmp_path: Path) -> None:
    content = "time (ms),speed\n" + lines([f"{t} s" for t in TIMES], SPEED)
    with pytest.raises(RecordingError, match="are in 's'; correct one"):
        traces(tmp_path, content)
    same = traces(tmp_path, content.replace("(ms)", "(s)"))
    np.testing.assert_allclose(same.behavior["speed"].times, np.arange(N) / 10)


def test_a_time_that_is_missing_before_the_end_is_still_told(tmp_path: Path) -> None:
    content = "time,speed\n" + lines(TIMES, SPEED).replace("0.5,7.5", "nan,nan")
    with pytest.raises(RecordingError, match="no number in row 6"):
        traces(tmp_path, content)


def test_a_last_frame_of_which_nothing_is_known_is_a_frame(tmp_path: Path) -> None:
    found = traces(tmp_path, "speed\n" + lines(SPEED[:-1]) + "nan\n").behavior["speed"]
    assert found.values.size == N and np.isnan(found.values[-1])


def test_a_table_of_nothing_but_empty_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError):
        traces(tmp_path, "time,speed\nnan,nan\nnan,nan\n")
