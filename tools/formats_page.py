"""Make the page of the docs that lists the movie formats, from their registry, after a change.

python tools/formats_page.py docs/formats.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_cortex_decoder.recording.formats import movie_formats

_TOP = """\
# Movie formats

<!-- Made by `python tools/formats_page.py docs/formats.md`. -->

`open_recording(path)`, drag and drop onto napari, and every verb of the command line open these.
Nothing is read but what is looked at, no file stays open, and no file is changed.

| format | names | how it is recognised | what is taken from it | what can be given |
|---|---|---|---|---|
"""

_BOTTOM = """
What a file does not say can be given: to `open_recording` by the names in the last column, on the
command line as `--as dataset=raw/green`, `--as axes=yxt` or `--as shape=512,512 --as dtype=uint16`.
The dock asks which of several arrays is the movie, and how a raw one lies in its file. Its
answers are kept in the folder beside the movie (`<movie>.cortex/recording.json`), so that all else
knows them; `cortex-decoder info m1.bin --as shape=512,512 --frame-rate 30 --remember` keeps them,
too.

Two things hold for all of them:

- `frame_rate` (Hz) and `pixel_size` (mm) that you give count before what the file says, and that
  before what you said about the recording once and the program remembered. In the dock both are
  said in the section *Recording*.
- `channels=2` splits a movie whose camera took two colours in turns: frames 0, 2, 4, … become the
  movie, frames 1, 3, 5, … its reference. Nothing is copied. Where the file itself says that it has
  two colours, they are split without being asked.

Several files of one session can be given together: as a list, in the dock's *Open…*, dropped on the
dock, or dropped on napari's canvas with Shift held. They are joined in the natural order of their
names (2 before 10). Frames that a camera lost are told, and the time axis shows the gap.

## Traces of areas

Traces without a movie (times x areas, either way round) are a recording, too: `recording.traces`
(t, areas) and `recording.areas` beside a `recording.movie` that shows the areas painted with their
values, NaN where there is none. Decoders of areas, the importance of areas, labels, fine-tuning and
training read the traces themselves; a decoder of images refuses them.

- **Which trace is of which area** its name says, by acronym or in words, with the side before or
  behind: `MOs left`, `L-MOs`, `MOs_l`, `LH MOs`, `MOsL`, `Secondary motor area (left)`. In NWB
  names are any column of text in the table of ROIs, the side may have a column of its own (`side`,
  `hemisphere`), and cells that share a `location` are averaged. What is matched is in
  `recording.metadata["areas"]`; traces of no area, two of one name and areas without a trace are
  told, and what is missing stays missing.
- **Names that the file does not say** are given: `--as areas=names.txt` (a name a line) or
  `areas=[...]`. Areas of another atlas than `dorsal-cortex`: `--as atlas=ajioka-50`, or its file.
- **ROIs without such names** are painted where their masks in the NWB file lie. Place the atlas
  there (`--registration`), and each area is the mean of the ROIs in it.
- Steps of preprocessing in time change traces; those that need pixels (bin, motion correction,
  mask, a crop of rows) are refused.
"""


def formats_page() -> str:
    """Return the page in Markdown."""
    rows = []
    for kind in movie_formats():
        names = ", ".join(f"`{pattern}`" for pattern in kind.patterns) or "a folder"
        options = ", ".join(f"`{option}`" for option in sorted(kind.options)) or "–"
        cells = (kind.name, names, kind.recognized, kind.metadata, options)
        rows.append("| " + " | ".join(cells) + " |\n")
    return _TOP + "".join(rows) + _BOTTOM


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(formats_page(), encoding="utf-8")
