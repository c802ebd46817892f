"""Damage to files of numbers and pictures by somebody who knows their format."""

from __future__ import annotations

import ast
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

ODD: tuple[Any, ...] = (
    None, True, [], {}, "", "x", -1, 0, 1, 2.5, 10**12, 10**30, 1e308, -1e308, float("nan"),
    float("inf"), [[]], [None], {"a": None}, "9" * 5000, " " * 60_000, "a\nb\u2028c", "\ud800",
    "../../etc/passwd", [1, [2, [3]]], [1e400], "\x00", "1,5", "nan", ["x"] * 5,
)  # fmt: skip
BOMB = zlib.compress(bytes(2**28), 9)


def mangle_npy(content: bytes, rng: random.Random) -> bytes:
    """Let a header of NumPy claim something odd."""
    start = content.find(b"{")
    end = content.find(b"}", start) + 1
    try:
        header = ast.literal_eval(content[start:end].decode("latin-1"))
    except (SyntaxError, ValueError):
        return content[: rng.randrange(1 + len(content))]
    match rng.choice(("shape", "descr", "odd", "nest")):
        case "shape":
            header["shape"] = rng.choice(
                ((), (0,), (10**12, 4, 4), (-1, 3), (2**63,), (3, 10**9), (1,) * 64, (2, 0, 5))
            )
        case "descr":
            header["descr"] = rng.choice(
                ("|O", "<U9", "<c16", "|V5", "<M8[s]", "<f2", "|b1", "<i3", [("a", "<f8")], "x", "")
            )
        case "odd":
            header[rng.choice(("shape", "descr", "fortran_order"))] = rng.choice(ODD)
        case "nest":
            header["shape"] = 0
    text = repr(header).encode("utf-8", "replace")
    if rng.random() < 0.1:
        text = b"(" * 3000 + text
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text[:65535]).to_bytes(2, "little") + text + content[end:]


def mangle_hdf5(path: Path, rng: random.Random, outside: Path) -> None:
    """Put a member elsewhere, or something odd into its place, or damage where texts lie."""
    if rng.random() < 0.15:
        mangle_heap(path, rng)
        return
    with h5py.File(path, "a") as file:
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name))
        name = rng.choice(found)
        item = file[name]
        shape = (item.shape or ()) if isinstance(item, h5py.Dataset) else (2,)
        kind = rng.choice(
            ("external", "soft", "round", "stored", "virtual", "claim", "type", "scalar", "null",
             "group", "bomb", "attribute", "texts", "deep", "filter")
        )  # fmt: skip
        if kind == "attribute":
            odd = rng.choice((1, -1.0, "x", b"\xff\xfe", np.zeros(3), np.nan, "a" * 60_000, 1e308))
            names = list(item.attrs) or ["rate"]
            item.attrs[rng.choice(names)] = odd
            return
        attributes = {k: item.attrs.get_id(k) and item.attrs[k] for k in item.attrs}
        del file[name]
        made: Any = None
        match kind:
            case "external":
                file[name] = h5py.ExternalLink(str(outside), "/x")
            case "soft":
                file[name] = h5py.SoftLink(rng.choice(("/nowhere", f"/{name}", "/", "..")))
            case "round":
                file[name] = file["/"]
            case "stored":
                made = file.create_dataset(
                    name, shape or (1,), "f8", external=[(outside, 0, 10**6)]
                )
            case "virtual":
                layout = h5py.VirtualLayout(shape or (1,), "f8")
                source = rng.choice((str(outside), "."))
                layout[...] = h5py.VirtualSource(source, "x", shape or (1,))
                made = file.create_virtual_dataset(name, layout)
            case "claim":
                huge = rng.choice(((10**9,), (10**12, 3, 3), (40_000_000,), (2**40,) * 3))
                made = file.create_dataset(
                    name, huge, "f8", chunks=(1,) * (len(huge) - 1) + (2**16,)
                )
            case "type":
                odd = rng.choice(
                    (h5py.string_dtype(), "S5", "c16", "?", np.dtype([("a", "f8")]), "f2",
                     h5py.vlen_dtype("i4"), h5py.ref_dtype, h5py.enum_dtype({"a": 1}), "(3,)f4")
                )  # fmt: skip
                made = file.create_dataset(name, shape or (1,), odd)
            case "scalar":
                file[name] = rng.choice((1.5, "x", np.nan, -3))
            case "null":
                made = file.create_dataset(name, dtype="f8", shape=None)
            case "group":
                made = file.create_group(name)
            case "bomb":
                one = tuple(1 for _ in shape) or (1,)
                made = file.create_dataset(
                    name, shape or (1,), "f8", chunks=one, compression="gzip"
                )
                if made.size:
                    made.id.write_direct_chunk(tuple(0 for _ in one), BOMB)
            case "texts":
                made = file.create_dataset(name, data=["y" * 50_000] * rng.choice((1, 3, 50)))
            case "deep":
                made = file
                for _ in range(400):
                    made = made.create_group("g")
            case "filter":
                made = file.create_dataset(name, shape or (1,), "f8", chunks=True, fletcher32=True)
        for key, value in attributes.items() if made is not None else ():
            made.attrs[key] = value


def mangle_heap(path: Path, rng: random.Random) -> None:
    """Damage the heap of texts, or let many rows and attributes share a long one."""
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name))
        name = rng.choice(names)
        texts = np.array(["y" * rng.choice((5, 20_000_000))] + ["z"] * 3000, h5py.string_dtype())
        if rng.random() < 0.5:
            del file[name]
            file[name] = texts
        else:
            file[name].attrs["notes"] = texts
    content = bytearray(path.read_bytes())
    heap = content.rfind(b"GCOL\x01\0\0\0")
    match rng.choice(("zeros", "size", "object", "shared")):
        case "zeros":
            content[heap + 16 : heap + 4096] = bytes(4096 - 16)
        case "size" | "object" as which:
            odd = rng.choice((0, 17, 2**40, 2**64 - 1)).to_bytes(8, "little")
            at = heap + (8 if which == "size" else 24)
            content[at : at + 8] = odd
        case "shared":
            first = content.find(heap.to_bytes(8, "little")) - 4
            content[first : first + 16 * 3001] = content[first : first + 16] * 3001
    path.write_bytes(content)


def mangle_png(content: bytes, rng: random.Random) -> bytes:
    """Let a PNG claim another size or kind of pixel, with the checksum of the claim."""
    head = bytearray(content[16:29])
    if len(head) < 13:
        return content[: len(content) // 2]
    if rng.random() < 0.7:
        size = rng.choice(((2**31 - 1, 1), (20_000, 20_000), (65_500, 65_500), (0, 5), (1, 1)))
        head[:8] = struct.pack(">II", *size)
    else:
        head[8:10] = rng.choice((b"\x10\0", b"\x01\0", b"\x08\x03", b"\x08\x06", b"\x03\x09"))
    body = content[33:]
    if rng.random() < 0.4:
        data = b"IDAT" + BOMB
        body = struct.pack(">I", len(BOMB)) + data + struct.pack(">I", zlib.crc32(data)) + body
    return content[:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + body


def mangle_tiff(content: bytes, rng: random.Random) -> bytes:
    """Let a tag claim another type, count or value, or the next page be any."""
    damaged = bytearray(content)
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as tif:
            page = rng.choice([tif.pages[0], tif.pages[len(tif.pages) - 1]])
            tag = rng.choice(list(page.tags))
            big, order = tif.is_bigtiff, tif.byteorder
    except Exception:  # noqa: BLE001 - it is damaged already
        return content[: rng.randrange(1 + len(content))]
    wide = "Q" if big else "I"
    odd = rng.choice((0, 1, 2, 3, 9, 2**16, 2**31, 2**32 - 1, page.offset, len(content)))
    match rng.choice(("type", "count", "value", "value")):
        case "type":
            struct.pack_into(f"{order}H", damaged, tag.offset + 2, odd % 2**16)
        case "count":
            struct.pack_into(f"{order}{wide}", damaged, tag.offset + 4, odd)
        case "value":
            struct.pack_into(f"{order}I", damaged, min(tag.valueoffset, len(content) - 4), odd)
    return bytes(damaged)


def safetensors_header(content: bytes) -> tuple[bytes, bytes]:
    """Return header and tensors of a file of safetensors."""
    end = 8 + int.from_bytes(content[:8], "little")
    return content[8:end], content[end:]
