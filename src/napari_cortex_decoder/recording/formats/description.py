"""What a file beside raw frames says of them: JSON, YAML, XML, ENVI's and MetaImage's headers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.axes import told_axes
from napari_cortex_decoder.recording.formats.named_values import by_plain_names

_SUFFIXES = (".json", ".hdr", ".mhd", ".nhdr", ".yaml", ".yml", ".xml", ".ini", ".txt", ".cfg")
_LARGEST = 2**22
_LONGEST_YAML = 2**18
# without blanks, lines and capitals
_LENGTHS = {
    "y": ("height", "rows", "row", "nrows", "numrows", "ny", "lines", "ysize", "sizey", "ypix",
          "imageheight", "ypixels", "frameheight", "y", "h", "dimy"),
    "x": ("width", "columns", "cols", "ncols", "numcols", "ncolumns", "nx", "samples", "xsize",
          "sizex", "imagewidth", "xpixels", "framewidth", "xpix", "x", "w", "dimx"),
    "t": ("frames", "nframes", "numframes", "bands", "nt", "framecount", "numberofframes",
          "numimages", "nimages", "sizet", "timepoints", "t", "dimt"),
    "c": ("channels", "nchannels", "numchannels", "colors", "colours", "ncolors", "sizec", "c"),
}  # fmt: skip
_SHAPES = ("shape", "arrayshape", "datashape")
_FASTEST_FIRST = ("dimsize", "sizes")  # MetaImage, NRRD
_TYPES = ("dtype", "datatype", "elementtype", "pixeltype", "pixelformat", "type", "format",
          "bitdepth", "bitsperpixel", "bits")  # fmt: skip
_ORDERS = ("byteorder", "endian", "endianness", "elementbyteordermsb", "binarydatabyteordermsb")
_OFFSETS = ("headeroffset", "offset", "headersize", "headerbytes", "dataoffset", "byteskip", "skip")
_LAYOUTS = ("order", "memoryorder", "storageorder", "arrayorder", "majorness")
_ENVI = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4"}
_WORDS = {"uchar": "u1", "ushort": "u2", "short": "i2", "uint": "u4", "int": "i4", "float": "f4",
          "single": "f4", "double": "f8", "byte": "u1", "unsignedchar": "u1", "mono8": "u1",
          "unsignedshort": "u2", "mono16": "u2", "mono12": "u2", "mono10": "u2", "8": "u1",
          "10": "u2", "12": "u2", "14": "u2", "16": "u2", "8bit": "u1", "16bit": "u2"}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What a file says of the frames beside it."""

    path: Path
    lengths: Mapping[str, int]  # of the axes t, c, y and x, where they are said
    axes: str | None  # slowest first
    dtype: str | None  # of a pixel, with its byte order
    offset: int  # bytes before the first frame
    said: Mapping[str, Any]  # all of it, by name


def description_of(path: Path, told: list[str]) -> Description | None:
    """Return what a file of the same name says of frames; None if there is none.

    One that cannot be read costs itself only, and is `told`.
    """
    other = None
    beside = [path.with_suffix(s) for s in _SUFFIXES] + [Path(f"{path}{s}") for s in _SUFFIXES]
    for file in beside:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            continue
        try:
            with readable(file, "a description of frames"):
                said = _content(file)
                found = _described(file, said)
        except RecordingError as error:
            told.append(f"{error} It is left out.")
            continue
        if found.axes or found.dtype or {"y", "x"} <= set(found.lengths):
            return found
        other = other or (found if said else None)
    return other


def _content(file: Path) -> dict[str, Any]:
    text = file.read_text("utf-8-sig")
    suffix = file.suffix.lower()
    if suffix == ".json":
        pairs = _pairs(json.loads(text))
    elif suffix in (".yaml", ".yml"):
        pairs = _pairs(_yaml(text))
    elif suffix == ".xml":
        pairs = _elements(ElementTree.fromstring(text))
    else:  # of an ENVI header a list in braces may go over lines
        whole = re.sub(r"\{[^{}]*\}", lambda braces: braces[0].replace("\n", " "), text)
        lines = (re.match(r"([^:=\t#;\[]+)[:=\t]+(.+)", s.strip()) for s in whole.split("\n"))
        pairs = ((line[1].strip(), line[2].strip()) for line in lines if line)
    return {name: _value(value) for name, value in by_plain_names(pairs).items()}


def _yaml(text: str) -> Any:
    """Return what YAML holds, if no part of it stands for another: few such fill any memory."""
    import yaml

    if len(text) > _LONGEST_YAML:
        raise ValueError(f"it is longer than {_LONGEST_YAML} characters")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, loader)):
        raise ValueError("parts of it stand for others")
    return yaml.load(text, loader)


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _pairs(value)
        else:
            yield str(name), value


def _elements(node: ElementTree.Element) -> Iterator[tuple[str, Any]]:
    for element in node.iter():
        yield from element.attrib.items()
        if element.text and element.text.strip() and not len(element):
            yield element.tag.rpartition("}")[2], element.text.strip()


def _value(value: Any) -> Any:
    """Return a number, a list of numbers, or a text."""
    if isinstance(value, str):
        parts = re.split(r"[\s,;x×]+", value.strip(" \t{}[]()\"'"))
        try:
            numbers = [float(part) for part in parts if part]
        except ValueError:
            return value.strip(" \t\"'")
        return numbers[0] if len(numbers) == 1 else numbers or value
    return value


def _described(file: Path, said: Mapping[str, Any]) -> Description:
    compact = {name.replace("_", ""): value for name, value in said.items()}

    def first(names: tuple[str, ...]) -> Any:
        return next((compact[name] for name in names if name in compact), None)

    lengths = {axis: n for axis, names in _LENGTHS.items() if (n := _whole(first(names)))}
    shape = [_whole(n) for n in _listed(first(_SHAPES))]
    backwards = not shape
    shape = shape or [_whole(n) for n in _listed(first(_FASTEST_FIRST))][::-1]
    by_columns = str(first(_LAYOUTS)).lower()[:1] == "f" or "col" in str(first(_LAYOUTS)).lower()
    axes = told_axes([n or 0 for n in shape] or [0] * len(lengths), said)
    if shape and None not in shape:
        axes = axes or {2: "yx", 3: "tyx", 4: "tcyx"}.get(len(shape))
        if axes and len(axes) == len(shape):
            lengths |= {axis: int(n or 0) for axis, n in zip(axes, shape, strict=True)}
    interleave = str(compact.get("interleave", "")).lower()
    axes = {"bsq": "tyx", "bil": "ytx", "bip": "yxt"}.get(interleave, axes)
    if by_columns and not backwards and shape:
        axes = axes and axes[::-1]
    elif by_columns:
        axes = "txy"  # columns after columns, frame after frame, as MATLAB writes (y, x, t)
    return Description(
        file, lengths, axes, _dtype(first(_TYPES), first(_ORDERS), "interleave" in compact),
        _whole(first(_OFFSETS)) or 0, said,
    )  # fmt: skip


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _whole(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 2**48 and value == int(value) else None


def _dtype(kind: Any, order: Any, is_envi: bool) -> str | None:
    if kind is None:
        return None
    name = re.sub(r"[\s_-]", "", str(_whole(kind) or kind).lower()).removeprefix("met")
    known = _ENVI.get(_whole(kind) or 0) if is_envi else _WORDS.get(name)
    try:
        stored = np.dtype(known or str(kind).strip().removeprefix("np.").removeprefix("numpy."))
    except TypeError:
        return None
    if stored.kind not in "iuf":
        return None
    big = str(order).lower() in ("big", "big-endian", "bigendian", "ieee-be", ">", "be", "true",
                                 "msb", "1", "1.0", "b")  # fmt: skip
    return str(stored.newbyteorder(">").str if big and stored.byteorder in "=|" else stored.str)
