"""Reading in a process of its own, for libraries that damaged bytes can crash or never release.

`call` starts a Python that runs one function of this package and sends back what it returns as
numbers and JSON; nothing that comes back is executed. It comes in a temporary file, so that large
arrays are paged in as they are looked at.
"""

from __future__ import annotations

import importlib
import json
import math
import mmap
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from napari_cortex_decoder import errors
from napari_cortex_decoder.reading import readable, told

_ARRAY, _TUPLE = "array of the child", "tuple of the child"
_LENGTH = struct.Struct("<Q")
_KINDS = "biufcSU"


def call(
    function: Callable[..., Any],
    path: Path,
    *arguments: Any,
    what: str,
    error: Callable[[str], Exception] = errors.RecordingError,
    remedy: str = "copy or export it again",
    seconds: float = 60.0,
    memory: int = 4 * 2**30,
) -> Any:
    """Return what `function`, at the top of a module, makes of a file in a process of its own.

    It is called with the path and arguments that JSON can hold, and returns numbers, texts, None,
    arrays of numbers or of fixed-length text, and lists, tuples and dicts (with texts as keys) of
    these. `what` is what the file should be, such as ``"a MATLAB file"``. After so many seconds the
    process is killed; memory is bytes of address space, where the system can limit them. Raises
    what `function` raised of `errors`; else, as `error` makes it, if it raised anything else,
    crashed, or took too long or too much memory.
    """
    asked = json.dumps(
        [function.__module__, function.__qualname__, os.fspath(path), memory, *arguments]
    )
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with (
        readable(path, what, error, remedy=remedy),
        tempfile.TemporaryFile() as answer,
        subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],  # -P: nothing of the folder one is in is run
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=subprocess.PIPE,
            env={**os.environ, **one_thread},
        ) as process,
    ):
        try:
            _, complaint = process.communicate(asked.encode(), seconds)
        except subprocess.TimeoutExpired as reason:
            raise error(
                f"{path}: reading it as {what} took more than {seconds:g} s; {remedy}."
            ) from reason
        finally:
            process.kill()
        kind, content = _unpacked(answer) if process.returncode == 0 else ("crash", [])
    if kind == "result":
        return content
    if kind == "refusal":
        name, sentence, *rest = content
        raise getattr(errors, name)(sentence, *rest)
    if kind == "failure":
        why = content
    elif process.returncode < 0:
        why = f"the library that reads it crashed with signal {-process.returncode}"
    else:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        why = f"its process ended: {''.join(last)[:200] or process.returncode}"
    raise error(f"{path}: this cannot be read as {what} ({why}); {remedy}.")


def _packed(kind: str, content: Any) -> list[Any]:
    """Return the parts of an answer: length of a JSON text, the text, and the bytes of arrays."""
    arrays: list[Any] = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in _KINDS:
                raise TypeError(f"an array of {value.dtype} is not numbers")
            turned = value.flags.f_contiguous and not value.flags.c_contiguous
            rows = value.T if turned else np.ascontiguousarray(value)
            arrays.append(rows.reshape(-1).view("u1").data)
            return {_ARRAY: [value.dtype.str, list(rows.shape), turned]}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, tuple):
            return {_TUPLE: [plain(part) for part in value]}
        if isinstance(value, list):
            return [plain(part) for part in value]
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items()}
        return value

    text = json.dumps([kind, plain(content)]).encode()
    return [_LENGTH.pack(len(text)), text, *arrays]


def _unpacked(file: IO[bytes]) -> tuple[str, Any]:
    answer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (length,) = _LENGTH.unpack_from(answer)
    at = _LENGTH.size + length

    def whole(value: dict[str, Any]) -> Any:
        nonlocal at
        if _TUPLE in value:
            return tuple(value[_TUPLE])
        if _ARRAY not in value:
            return value
        kind, shape, turned = value[_ARRAY]
        dtype = np.dtype(kind)
        count = math.prod(shape)
        array = np.frombuffer(answer, dtype, count, at) if count else np.empty(0, dtype)
        at += array.nbytes
        return array.reshape(shape).T if turned else array.reshape(shape)

    kind, content = json.loads(answer[_LENGTH.size : at], object_hook=whole)
    return kind, content


def _answer(asked: list[Any]) -> list[Any]:
    """Return the parts of what one question is answered with."""
    module, name, path, memory, *arguments = asked
    function = getattr(importlib.import_module(module), name)
    _limit(memory)
    try:
        return _packed("result", function(Path(path), *arguments))
    except errors.CortexDecoderError as refusal:
        rest: list[object] = []
        if isinstance(refusal, errors.UnclearMovieError):
            rest = [refusal.datasets, refusal.traces]
        return _packed("refusal", [type(refusal).__name__, str(refusal), *rest])
    except Exception as failure:  # noqa: BLE001 - whatever it is, it becomes a sentence
        return _packed("failure", told(failure))


def _limit(memory: int) -> None:
    """Limit what this process may take, and let no crash leave a picture of its memory."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # others refuse it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _main() -> None:
    out: BinaryIO = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no part of the answer
    for part in _answer(json.loads(sys.stdin.buffer.read())):
        out.write(part)
    out.close()


if __name__ == "__main__":
    _main()
