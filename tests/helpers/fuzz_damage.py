"""Ways to damage a file: as disks and networks do, and as an enemy would who knows its format."""

from __future__ import annotations

import ast
import json
import random
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

ODD: tuple[Any, ...] = (
    None, True, [], {}, "", "x", -1, 0, 1, 2.5, 10**12, 10**30, 1e308, -1e308, float("nan"),
    float("inf"), [[]], [None], {"a": None}, "9" * 5000, " " * 60_000, "a\nb\u2028c", "\ud800",
    "../../etc/passwd", [1, [2, [3]]], [1e400], "\x00", "1,5", "nan", ["x"] * 5,
)  # fmt: skip
CODECS = (
    "pickle",
    "numcodecs.pickle",
    "json2",
    "vlen-utf8",
    "fixedscaleoffset",
    "crc32",
    "nothing",
)
BOMB = zlib.compress(bytes(2**28), 9)


def mangle_bytes(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes as disks, networks and people do."""
    damaged, size = bytearray(content), len(content)

    def somewhere(limit: int = sys.maxsize) -> int:
        return rng.randrange(max(1, min(size, limit)))

    kinds = "bits header cut zeros twice ones more number utf16 line"
    match rng.choice(kinds.split()):
        case "bits":
            for _ in range(rng.choice((1, 5, 40)) if size else 0):
                damaged[somewhere()] ^= 1 << rng.randrange(8)
        case "header":
            for _ in range(rng.choice((1, 3, 10)) if size else 0):
                damaged[somewhere(600)] = rng.randrange(256)
        case "cut":
            del damaged[somewhere() :]
        case "zeros":
            start, length = somewhere(), rng.choice((4, 64, 1000))
            damaged[start : start + length] = bytes(min(length, size - start))
        case "twice":
            start = somewhere()
            damaged[start:start] = damaged[start : start + rng.randrange(1, 500)]
        case "ones":
            start = somewhere(2000)
            damaged[start : start + 8] = b"\xff" * min(8, size - start)
        case "more":
            start = somewhere()
            damaged[start:start] = rng.randbytes(rng.choice((1, 2, 100)))
        case "number":
            start = somewhere(3000)
            value = rng.choice((0, 1, 2**16 - 1, 2**30, 2**31 - 1, 2**32 - 1))
            damaged[start : start + 4] = value.to_bytes(4, "little")
        case "utf16":
            return content.decode("latin-1").encode("utf-16")
        case "line":
            end = damaged.find(b"\n") + 1
            damaged[:0] = damaged[:end]
    return bytes(damaged)


def mangle_table(content: bytes, rng: random.Random) -> bytes:
    """Put something odd into a cell, a header or a number of a text."""
    text = content.decode("utf-8", "replace")
    match rng.choice(("cell", "cell", "header", "quote", "nest", "wide", "same")):
        case "cell":
            cells = list(re.finditer(r"[^,;\t\n]+", text))
            where = rng.choice(cells) if cells else None
            odd = str(rng.choice(ODD))
            text = text if where is None else text[: where.start()] + odd + text[where.end() :]
        case "header":
            text = rng.choice((" " * 60_000, "(" * 60_000, "a" * 200_000, "x (", "\ufeff")) + text
        case "quote":
            text = text[: rng.randrange(len(text) + 1)] + '"' + text
        case "nest":
            text = "[" * 100_000 + text
        case "wide":
            text = text.replace("\n", "," * 5000 + "\n", 2)
        case "same":
            head, line, rest = text.partition("\n")
            cell = re.split(r"[,;\t]", head)[-1]
            text = f"{head}, {cell}{line}{rest}"
    return text.encode("utf-8", "surrogatepass")


def mangle_json(content: bytes, rng: random.Random) -> bytes:
    """Replace something of a JSON text by something odd."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return mangle_table(content, rng)
    places: list[tuple[Any, Any]] = []

    def look(holder: Any) -> None:
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                look(holder[key])

    if isinstance(data, dict | list):
        look(data)
    kind = rng.choice(("odd", "odd", "odd", "lost", "codec", "nest"))
    if kind == "nest" or not places:
        deep = rng.choice((500, 5000, 200_000))
        return b"[" * deep + (content if rng.random() < 0.5 else b"]" * deep)
    holder, key = rng.choice(places)
    if kind == "lost" and isinstance(holder, dict):
        del holder[key]
    elif kind == "codec":
        named = [(h, k) for h, k in places if k in ("id", "name")]
        holder, key = rng.choice(named or places)
        holder[key] = rng.choice(CODECS)
    else:
        holder[key] = rng.choice(ODD)
    return json.dumps(data).encode()


def mangle_npy(content: bytes, rng: random.Random) -> bytes:
    """Let a header of NumPy claim something odd."""
    start = content.find(b"{")
    end = content.find(b"}", start) + 1
    try:
        header = ast.literal_eval(content[start:end].decode("latin-1"))
    except (SyntaxError, ValueError):
        return mangle_bytes(content, rng)
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


def rename(path: Path, rng: random.Random) -> Path:
    """Rename a file to what a system allows and nobody expects."""
    stem = rng.choice(("a\nb", "\udcff\udcfe", "x" * 120, "CON", "é\u2028", "%s{0}", "-o", " "))
    new = path.with_name(f"{stem}_{rng.choice((1, 10**30))}{path.suffix}")
    return path.rename(new)


BY_SUFFIX: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".npy": mangle_npy, ".json": mangle_json, ".zarray": mangle_json, ".zattrs": mangle_json,
    ".zgroup": mangle_json, ".csv": mangle_table, ".tsv": mangle_table, ".htsv": mangle_table,
    ".txt": mangle_table, ".toml": mangle_table, ".jsonl": mangle_table,
}  # fmt: skip


def damage(folder: Path, target: Path, rng: random.Random, outside: Path) -> Path:
    """Damage what a target reads, in one or two ways, and give the path to read it from."""
    damaged: set[Path] = set()
    for _ in range(rng.choice((1, 1, 1, 2))):
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        known = [f for f in files if (f.suffix or f.name) in BY_SUFFIX]
        victim = rng.choice(known if known and rng.random() < 0.5 else files)
        content = victim.read_bytes()
        structured = BY_SUFFIX.get(victim.suffix or victim.name)
        is_hdf5 = content.find(b"\x89HDF\r\n\x1a\n", 0, 1024) >= 0
        sound = victim not in damaged  # of another, h5py might never return
        damaged.add(victim)
        if is_hdf5 and sound and rng.random() < 0.6:
            try:
                mangle_hdf5(victim, rng, outside)
            except Exception:  # noqa: BLE001 - h5py's, of a file that is damaged already
                victim.write_bytes(mangle_bytes(content, rng))  # damaged already
        elif structured is not None and rng.random() < 0.6:
            victim.write_bytes(structured(content, rng))
        elif rng.random() < 0.03:
            renamed = rename(victim, rng)
            target = renamed if victim == target else target
        else:
            victim.write_bytes(mangle_bytes(content, rng))
    return target
