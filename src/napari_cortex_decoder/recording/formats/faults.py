"""Turning what a library raises on a damaged file into one sentence."""

from __future__ import annotations

import struct
import tokenize
import traceback
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

# No value that a file holds raises these where this program handles it: it is checked before.
_MISTAKES = (AssertionError, AttributeError, TypeError)
_NOTHING = "'NoneType'"  # but libraries give None for what a damaged file has lost
_PACKAGE = __name__.partition(".")[0]


@contextmanager
def readable(path: Path, what: str, *own: type[Exception]) -> Iterator[None]:
    """Say in one sentence that a library could not read `path`.

    A mistake of this program's own is no damage to a file: where its own code, and not a library
    that it called, raises an `AttributeError`, a `TypeError` or an `AssertionError`, that goes
    through, unless it is about None: libraries give that for what a damaged file has lost.

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
        if isinstance(error, _MISTAKES) and _raised_here(error) and _NOTHING not in str(error):
            raise
        reason = " ".join(f"{error}".split())[:200].rstrip(".") or type(error).__name__
        raise RecordingError(
            f"{path}: this cannot be read as {what} ({reason}); copy or export it again."
        ) from error


def _raised_here(error: Exception) -> bool:
    """Whether code of this package raised an error, not a library below it."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE
