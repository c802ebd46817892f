"""Which recording belongs to which mouse."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from napari_cortex_decoder.cohort import (
    CohortEntry,
    CohortRow,
    cohort_rows,
    read_cohort,
    write_cohort,
)
from napari_cortex_decoder.errors import RecordingError


def lay_out_paper_cohort(folder: Path, csv_text: str, name: str = "data_64_5mice.csv") -> Path:
    """Make the paper's folders with an empty file for each session of the CSV."""
    movies = folder / "data_of_image_64_5mice"
    behavior = folder / "data_of_behavior_64_5mice"
    movies.mkdir()
    behavior.mkdir()
    for line in csv_text.splitlines()[1:]:
        session = line.split(",")[0]
        (movies / f"{session}.tif").touch()
        (behavior / f"{session}_behavior.mat").touch()
    csv = folder / name
    csv.write_text(csv_text)
    return csv


@pytest.mark.parametrize("column", ["Mouse_#", "mouse_No."])
def test_the_papers_layout_takes_the_mouse_from_the_csv_never_from_the_name(tmp_path, column):
    csv = lay_out_paper_cohort(tmp_path, f"Data_ID,{column}\nnon_1,2\nnon_2,5\n")
    first, second = read_cohort(csv)
    assert (first.session, first.subject) == ("non_1", "2")
    assert (second.session, second.subject) == ("non_2", "5")
    assert first.recording == tmp_path / "data_of_image_64_5mice" / "non_1.tif"
    assert first.behavior == tmp_path / "data_of_behavior_64_5mice" / "non_1_behavior.mat"


def test_the_papers_own_csv_lists_64_sessions_of_5_mice(tmp_path, shared_data):
    text = (shared_data / "ajioka2024" / "data_64_5mice.csv").read_text()
    entries = read_cohort(lay_out_paper_cohort(tmp_path, text))
    assert len(entries) == 64
    assert Counter(e.subject for e in entries) == {"1": 11, "2": 12, "3": 14, "4": 15, "5": 12}


def test_a_renamed_csv_finds_the_only_movie_folder(tmp_path):
    csv = lay_out_paper_cohort(tmp_path, "Data_ID,Mouse_#\na,1\n", name="renamed.csv")
    assert read_cohort(csv)[0].recording.is_file()


def test_a_plain_csv_lists_paths_relative_to_itself(tmp_path):
    (tmp_path / "day 1").mkdir()
    for name in ("day 1/ä.tif", "day 1/ä.csv", "b.zarr"):
        (tmp_path / name).touch()
    csv = tmp_path / "cohort.csv"
    csv.write_text(
        "recording,behavior,labels,subject,session\n"
        "day 1/ä.tif,day 1/ä.csv,day 1/ä.csv,m1,s1\nb.zarr,,,m2,\n",
        encoding="utf-8",
    )
    first, second = read_cohort(csv)
    assert first.recording == tmp_path / "day 1" / "ä.tif"
    assert first.behavior == tmp_path / "day 1" / "ä.csv"
    assert (first.subject, first.session) == ("m1", "s1")
    assert first.labels == first.behavior
    assert (second.behavior, second.labels, second.session) == (None, None, "b")


def test_the_atlas_on_each_movie_is_found_in_either_layout(tmp_path):
    csv = lay_out_paper_cohort(tmp_path, "Data_ID,Mouse_#\na,1\nb,1\n")
    (tmp_path / "registrations").mkdir()
    (tmp_path / "registrations" / "a.json").touch()
    first, second = read_cohort(csv)
    assert first.registration == tmp_path / "registrations" / "a.json"
    assert second.registration is None

    (tmp_path / "m.tif").touch()
    plain = tmp_path / "plain.csv"
    plain.write_text("recording,subject,registration\nm.tif,1,registrations/a.json\n")
    assert read_cohort(plain)[0].registration == tmp_path / "registrations" / "a.json"
    plain.write_text("recording,subject,registration\nm.tif,1,gone.json\n")
    with pytest.raises(RecordingError, match=r"gone\.json, which is not there"):
        read_cohort(plain)


@pytest.mark.parametrize(
    "cell", ["/etc/passwd", "../up.tif", "a/../../up.tif", r"C:\movie.tif", r"..\up.tif", r"\\pc\x"]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, cell):
    csv = tmp_path / "cohort.csv"
    csv.write_text(f"recording,subject\n{cell},1\n")
    with pytest.raises(RecordingError, match="inside the CSV's folder"):
        read_cohort(csv)


@pytest.mark.parametrize("session", ["../x", "/etc/x", "a/b", ""])
def test_a_data_id_that_is_not_a_plain_name_is_refused(tmp_path, session):
    csv = lay_out_paper_cohort(tmp_path, "Data_ID,Mouse_#\n")
    csv.write_text(f"Data_ID,Mouse_#\n{session},1\n")
    with pytest.raises(RecordingError, match="Data_ID"):
        read_cohort(csv)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("movie,mouse\na.tif,1\n", "a cohort needs 'recording' and 'subject'"),
        ("recording,subject\na.tif,\n", "row 1 does not say which mouse"),
        ("recording,subject\n,1\n", "'recording' is empty in row 1"),
        ("recording,subject\nmissing.tif,1\n", "missing.tif, which is not there"),
        ("recording,subject\na.tif,1\na.tif,2\n", "rows 1 and 2 are the same recording"),
        ("recording,subject,session\na.tif,1,x\nb.tif,1,x\n", "rows 1 and 2 are the same session"),
        ("recording,subject\n", "no rows"),
    ],
)
def test_a_csv_that_cannot_be_meant_is_refused(tmp_path, text, sentence):
    (tmp_path / "a.tif").touch()
    (tmp_path / "b.tif").touch()
    csv = tmp_path / "cohort.csv"
    csv.write_text(text)
    with pytest.raises(RecordingError) as caught:
        read_cohort(csv)
    assert sentence in str(caught.value)


def test_a_session_without_its_behavior_file_is_told(tmp_path):
    csv = lay_out_paper_cohort(tmp_path, "Data_ID,Mouse_#\na,1\n")
    (tmp_path / "data_of_behavior_64_5mice" / "a_behavior.mat").unlink()
    with pytest.raises(RecordingError, match=r"a_behavior\.mat, which is not there"):
        read_cohort(csv)


def test_a_row_that_cannot_be_used_is_told_and_the_others_stay(tmp_path):
    (tmp_path / "a.tif").touch()
    csv = tmp_path / "cohort.csv"
    csv.write_text(
        "recording,subject,genotype\na.tif,1,wt\ngone.tif,1,ko\n../up.tif,2,wt\na.tif,3,ko\n"
    )
    good, gone, outside, twice = cohort_rows(csv)
    assert not good.problem and good.entry.others == {"genotype": "wt"}
    assert "gone.tif, which is not there" in gone.problem and gone.entry is not None
    assert "inside the CSV's folder" in outside.problem and outside.entry is None
    assert "rows 1 and 4 are the same recording" in twice.problem


def test_a_written_cohort_is_read_again_with_all_that_it_said(tmp_path):
    for name in ("a.tif", "b_1.tif", "b_2.tif", "a.json"):
        (tmp_path / name).touch()
    csv = tmp_path / "cohort.csv"
    csv.write_text(
        "recording,subject,genotype,registration\n"
        "a.tif,1,wt,a.json\nb_1.tif;b_2.tif,2,ko,\n../up.tif,3,wt,\n"
    )
    rows = cohort_rows(csv)
    assert rows[1].entry.files == (tmp_path / "b_1.tif", tmp_path / "b_2.tif")
    write_cohort(csv, rows, overwrite=True)
    again = cohort_rows(csv)
    assert [row.entry for row in again] == [row.entry for row in rows]
    assert again[2].cells["recording"] == "../up.tif" and again[2].cells["genotype"] == "wt"
    write_cohort(csv, rows[:2])  # its own kind is replaced
    assert len(read_cohort(csv)) == 2


def test_a_cohort_is_written_above_its_recordings_and_over_nothing_else(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.tif").touch()
    row = CohortRow(CohortEntry(tmp_path / "data" / "a.tif", None, "1", "a"), "", {})
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(RecordingError, match="above all of its files"):
        write_cohort(tmp_path / "elsewhere" / "cohort.csv", [row])
    notes = tmp_path / "notes.csv"
    notes.write_text("what,when\nfed,today\n")
    with pytest.raises(RecordingError, match="exists already"):
        write_cohort(notes, [row])
    assert notes.read_text() == "what,when\nfed,today\n"
    write_cohort(tmp_path / "cohort.csv", [row])
    assert read_cohort(tmp_path / "cohort.csv")[0].recording == tmp_path / "data" / "a.tif"
