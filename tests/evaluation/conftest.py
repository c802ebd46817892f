"""Small cohorts on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.labeled_mice import labeled
from napari_cortex_decoder.recording import save_recording


def _written(folder: Path, *, mice: int, sessions: int, n_frames: int = 400) -> Path:
    """Write a cohort whose brightness tells rest from run; return its CSV."""
    rows = ["subject,session,recording,labels,registration,date,group"]
    for mouse in range(1, mice + 1):
        for session in range(1, sessions + 1):
            name = f"m{mouse}s{session}"
            one = labeled(10 * mouse + session, n_frames)
            save_recording(one.recording, folder / f"{name}.tif")
            one.ethogram.to_csv(folder / f"{name}.csv")
            assert one.registration is not None
            one.registration.save(folder / f"{name}.json")
            day, group = f"2024-05-{7 * session:02}", "wild" if mouse % 2 else "=cmd|' /C calc'!A0"
            rows.append(f"m{mouse},{name},{name}.tif,{name}.csv,{name}.json,{day},{group}")
    csv = folder / "cohort.csv"
    csv.write_text("\n".join(rows) + "\n")
    return csv


@pytest.fixture(scope="session")
def written() -> Callable[..., Path]:
    """Return what writes a cohort."""
    return _written
