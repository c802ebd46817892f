"""NWB files that are written to the end, or told about: a full disk must not end the program.

HDF5 cannot close a file that it could not write, and tries again when the program ends, which
crashes it. So it never hears of a disk that is full: what does not fit is kept in memory, as far as
HDF5 may read it again, and the fault is told when the file is closed, or before.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pynwb import NWBHDF5IO, NWBFile

_READ_AGAIN = 2**20
"""HDF5 reads what it wrote about its data again, in pieces much smaller; data it does not."""


@contextmanager
def nwb_output(path: Path) -> Iterator[tuple[NWBHDF5IO, PatientFile]]:
    """Return pynwb's writer of a new file, and the file, whose `check` may be called meanwhile.

    Raises
    ------
    OSError
        If the file cannot be written whole.
    """
    import h5py
    from pynwb import NWBHDF5IO

    with PatientFile(path) as file:
        try:
            with h5py.File(file, "w") as opened, NWBHDF5IO(file=opened, mode="w") as output:
                yield output, file
        finally:
            file.check()


def nwb_file(
    description: str,
    identifier: str,
    start: datetime,
    *,
    subject: str | None = None,
    notes: Iterable[str] = (),
    **others: Any,
) -> NWBFile:
    """Return a file of a session of a mouse, of which neither sex nor age are known."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    name = (subject or "unknown").replace("/", "-")
    return NWBFile(
        session_description=description,
        identifier=identifier,
        session_start_time=start,
        notes="\n".join(notes) or None,
        # from birth, with an open end: NWB's way to say that the age is not known
        subject=Subject(subject_id=name, species="Mus musculus", sex="U", age="P0D/"),
        **others,
    )


def add_plane(
    file: NWBFile, name: str, *, pixel_size: float | None, excitation: float | None = None
) -> Any:
    """Add the plane of a wide-field movie; pixel size (mm) and light (nm) may be unknown."""
    from pynwb.ophys import OpticalChannel

    camera = file.devices.get("camera") or file.create_device(
        name="camera", description="wide-field camera"
    )
    size: dict[str, Any] = {}
    if pixel_size is not None:
        size = {"grid_spacing": [pixel_size / 1e3] * 2, "grid_spacing_unit": "meters"}
    return file.create_imaging_plane(
        name=name,
        optical_channel=OpticalChannel(
            name="OpticalChannel", description="emission not stated", emission_lambda=np.nan
        ),
        description="dorsal cortex through a wide-field microscope",
        device=camera,
        excitation_lambda=excitation or np.nan,
        indicator="unknown",
        location="Isocortex",
        **size,
    )


def clock_fields(times: NDArray[np.float64]) -> dict[str, Any]:
    """Return rate and begin of a series where its times (s) are even, else the times."""
    n = len(times) - 1
    if n > 0 and np.abs(times - np.linspace(times[0], times[-1], n + 1)).max() < 1e-9:
        return {"rate": float(n / (times[-1] - times[0])), "starting_time": float(times[0])}
    return {"timestamps": times}


class PatientFile(io.RawIOBase):
    """A new file that takes whatever is written to it, and remembers if it could not.

    Parameters
    ----------
    path
        Where; nothing may be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b", buffering=0)
        self._fault: OSError | None = None
        self._kept: list[tuple[int, bytes]] = []
        self._place = self._size = 0

    def check(self) -> None:
        """Raise what went wrong, if anything has."""
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """Return that it can be read, too."""
        return True

    def seekable(self) -> bool:
        """Return that any place of it can be read and written."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence, self._size)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def truncate(self, size: int | None = None) -> int:
        """Set the size, and return it."""
        self._size = self._place if size is None else size
        self._attempt(lambda: self._file.truncate(self._size))
        return self._size

    def write(self, content: Any) -> int:
        """Write bytes, and return how many."""
        data, place = bytes(content), self._place
        if self._fault is None:
            self._attempt(lambda: self._write(place, data))
        if self._fault is not None and len(data) <= _READ_AGAIN:
            self._kept.append((place, data))
        self._place += len(data)
        self._size = max(self._size, self._place)
        return len(data)

    def readinto(self, into: Any) -> int:
        """Read as many bytes as `into` has, and return how many these were."""
        start = self._place
        self._file.seek(start)
        got = self._file.readinto(into) or 0
        for place, data in self._kept:
            first, last = max(place, start), min(place + len(data), start + len(into))
            if first < last:
                into[first - start : last - start] = data[first - place : last - place]
                got = max(got, last - start)
        self._place += got
        return got

    def _write(self, place: int, data: bytes) -> None:
        self._file.seek(place)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def _attempt(self, write: Any) -> None:
        try:
            write()
        except OSError as fault:
            self._fault = self._fault or fault
