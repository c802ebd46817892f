"""One door for files from anywhere: what a parser meets in damaged bytes becomes one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from napari_cortex_decoder.errors import CortexDecoderError, RecordingError

_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")


def reads(
    what: str,
    error: Callable[[str], Exception] = RecordingError,
    *,
    remedy: str = "copy or export it again",
) -> Callable[[Callable[_Given, _Read]], Callable[_Given, _Read]]:
    """Make a function of a file, or several, `readable` as a whole; it is the first argument."""

    def door(function: Callable[_Given, _Read]) -> Callable[_Given, _Read]:
        @wraps(function)
        def read(*args: _Given.args, **kwargs: _Given.kwargs) -> _Read:
            given: Any = next(iter((*args, *kwargs.values())))
            if isinstance(given, list | tuple) and given:
                given = given[0] if len(given) == 1 else f"{given[0]} and {len(given) - 1} more"
            with readable(given, what, error, remedy=remedy):
                return function(*args, **kwargs)

        return read

    return door


@contextmanager
def readable(
    path: Any,
    what: str,
    error: Callable[[str], Exception] = RecordingError,
    *,
    remedy: str = "copy or export it again",
) -> Iterator[None]:
    """Say in one sentence that `path` could not be read, whatever a parser made of its bytes.

    Bytes that nobody wrote on purpose make parsers raise anything, those of libraries and ours
    alike, so nothing but what `errors` names and what ends the program goes through: the rest
    becomes the cause of what `error` makes.
    """
    try:
        yield
    except CortexDecoderError:
        raise
    except FileNotFoundError as reason:
        raise error(
            f"{path}: there is no such file; check its name, or put it back and open it again."
        ) from reason
    except PermissionError as reason:
        raise error(
            f"{path}: the file may not be read; ask its owner for permission to read it."
        ) from reason
    except Exception as reason:
        raise error(
            f"{path}: this cannot be read as {what} ({told(reason)}); {remedy}."
        ) from reason


def told(reason: BaseException) -> str:
    """Return in a few words, without a full stop, what an exception of a library says."""
    said = " ".join(f"{reason}".split())[:200].rstrip(".")
    return said or type(reason).__name__
