"""Ways to damage a file: as disks and networks do, and as an enemy would who knows its format."""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.fuzz_containers import (
    ODD,
    mangle_hdf5,
    mangle_npy,
    mangle_png,
    mangle_tiff,
    safetensors_header,
)

CODECS = (
    "pickle",
    "numcodecs.pickle",
    "json2",
    "vlen-utf8",
    "fixedscaleoffset",
    "crc32",
    "nothing",
)


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


def mangle_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Replace something of the header, or of a text in it, by something odd."""
    header, tensors = safetensors_header(content)
    try:
        said = json.loads(header)
        texts = said["__metadata__"]
        name = rng.choice(sorted(texts))
    except (ValueError, RecursionError, KeyError, TypeError, IndexError):
        return mangle_bytes(content, rng)
    if rng.random() < 0.7:
        texts[name] = mangle_json(texts[name].encode(), rng).decode("utf-8", "replace")
        header = json.dumps(said).encode()
    else:
        header = mangle_json(header, rng)
    return len(header).to_bytes(8, "little") + header + tensors


def mangle_gzip(content: bytes, rng: random.Random) -> bytes:
    """Damage what is packed, or pack far too much."""
    try:
        packed = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return mangle_bytes(content, rng)
    if rng.random() < 0.2:
        return gzip.compress(packed[:-1] + b" " * 2**28, 1)
    return gzip.compress(mangle_json(packed, rng))


def mangle_xml(content: bytes, rng: random.Random) -> bytes:
    """Let parts of XML stand for others, or lie ever deeper, or say something odd."""
    text = content.decode("utf-8", "replace")
    places = [*re.finditer(r'"[^"]*"|(?<=>)[^<]+(?=<)', text)]
    match rng.choice(("odd", "odd", "odd", "entities", "nest", "lost")):
        case "odd" if places:
            found = rng.choice(places)
            odd = str(rng.choice(ODD)).translate({ord(sign): None for sign in '<&"'})
            odd = f'"{odd}"' if found[0].startswith('"') else odd
            text = text[: found.start()] + odd + text[found.end() :]
        case "entities":
            said = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
            text = re.sub(r"<\?.*?\?>", "", text)
            root = re.search(r"<([\w:]+)[^>]*>", text)
            if root:
                text = text[: root.end()] + "&a11;" + text[root.end() :]
            text = f'<!DOCTYPE x [<!ENTITY a0 "a">{said}]>{text}'
        case "nest":
            text = "<a>" * rng.choice((500, 5000, 200_000)) + text
        case _:
            elements = [*re.finditer(r"<(\w+)\b[^>]*(?:/>|>[^<]*</\1>)", text)]
            if elements:
                lost = rng.choice(elements)
                text = text[: lost.start()] + text[lost.end() :]
    return text.encode("utf-8", "replace")


def mangle_yaml(content: bytes, rng: random.Random) -> bytes:
    """Let parts of YAML stand for others, or lie ever deeper, or say something odd."""
    key = rng.choice(("k0", "<<"))
    match rng.choice(("odd", "shared", "round", "nest")):
        case "shared":
            lines = [
                f"a{n}: &a{n} {{{key}: *a{n - 1}, "
                + ", ".join(f"k{k}: *a{n - 1}" for k in range(1, 9))
                + "}"
                for n in range(1, 12)
            ]
            return b"a0: &a0 {x: 1}\n" + "\n".join(lines).encode() + b"\n" + content
        case "round":
            return content + b"more: &m {more: *m}\n"
        case "nest":
            return content + b"more: " + rng.choice((b"[", b"{a: ", b"- ")) * 50_000
    name, _, rest = content.partition(b":")
    _, _, others = rest.partition(b"\n")
    odd = str(rng.choice(ODD)).encode("utf-8", "replace")
    return name + b": " + odd + b"\n" + others


def rename(path: Path, rng: random.Random) -> Path:
    """Rename a file to what a system allows and nobody expects."""
    stem = rng.choice(("a\nb", "\udcff\udcfe", "x" * 120, "CON", "é\u2028", "%s{0}", "-o", " "))
    new = path.with_name(f"{stem}_{rng.choice((1, 10**30))}{path.suffix}")
    return path.rename(new)


BY_SUFFIX: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".npy": mangle_npy, ".json": mangle_json, ".zarray": mangle_json, ".zattrs": mangle_json,
    ".zgroup": mangle_json, ".csv": mangle_table, ".tsv": mangle_table, ".htsv": mangle_table,
    ".txt": mangle_table, ".toml": mangle_table, ".jsonl": mangle_table, ".boris": mangle_json,
    ".gz": mangle_gzip, ".safetensors": mangle_safetensors, ".png": mangle_png,
    ".tif": mangle_tiff, ".xml": mangle_xml, ".eaf": mangle_xml, ".yaml": mangle_yaml,
    ".hdr": mangle_table, ".mhd": mangle_table, ".ini": mangle_table, ".cfg": mangle_table,
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
