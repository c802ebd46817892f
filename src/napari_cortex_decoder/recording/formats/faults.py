"""Turning what a library raises on a damaged file into one sentence."""

from __future__ import annotations

import struct
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_cortex_decoder.errors import CortexDecoderError, RecordingError

# Parsers of binary files meet bytes that nobody wrote on purpose, and then raise nearly anything;
# what is listed here was seen from tifffile, imagecodecs, h5py, zarr, scipy, PyAV or pynwb.
PARSER_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,  # ElementTree.ParseError is one
    SystemError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


@contextmanager
def readable(path: Path, what: str, *own: type[Exception]) -> Iterator[None]:
    """Say in one sentence that a library could not read `path`.

    Put it around calls into the library alone, or a mistake of ours looks like a damaged file.

    Parameters
    ----------
    path
        File being read.
    what
        What it should be, such as ``"a TIFF movie"``.
    own
        Exceptions of the library's own.

    Raises
    ------
    RecordingError
        In place of whatever the library raised, with that as its cause.
    """
    try:
        yield
    except CortexDecoderError:
        raise
    except FileNotFoundError as error:
        raise RecordingError(
            f"{path}: there is no such file any more; put it back or open the movie again."
        ) from error
    except PermissionError as error:
        raise RecordingError(
            f"{path}: the file may not be read; ask its owner for permission to read it."
        ) from error
    except (*PARSER_ERRORS, *own) as error:
        reason = " ".join(f"{error}".split())[:200].rstrip(".") or type(error).__name__
        raise RecordingError(
            f"{path}: this cannot be read as {what} ({reason}); copy or export it again."
        ) from error
