"""How PyTorch is loaded beside a window that answers."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_LOCK = threading.Lock()


@contextmanager
def loading() -> Iterator[None]:
    """Let one thread at a time import PyTorch and MONAI: two would see MONAI half-made."""
    with _LOCK:
        _map_libraries()
        yield


@cache
def _map_libraries() -> None:
    """Read PyTorch's 500 MB of libraries before they are imported.

    An import holds the interpreter, and with it the window, until the disk has given all of a
    library; a function of C that is called does not. PyTorch's own import does so on Windows.
    """
    found = find_spec("torch")
    if os.name != "posix" or found is None or found.origin is None:
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for library in Path(found.origin).parent.glob("lib/libtorch_python.*"):
        dlopen(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL)
