"""Small files, read as data from anywhere.

The caller says which of the named errors is raised, as a class of `errors` or any other function of
one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

_Model = TypeVar("_Model", bound="BaseModel")

MAX_BYTES = 64 * 2**20
"""More than any description needs that is read as a whole; a larger file is something else."""

Refusal = Callable[[str], Exception]
"""Makes the exception that tells a sentence."""


def read_bytes(path: str | Path, error: Refusal, *, limit: int = MAX_BYTES) -> bytes:
    """Read a whole file; raise `error` if it is missing, not readable, or larger than `limit`."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror}); check the path.") from reason
    if len(content) > limit:
        raise error(
            f"{path} has more than {limit / 2**20:.3g} MiB, more than such a file needs; "
            "give another file."
        )
    return content


def read_json(path: str | Path, error: Refusal) -> Any:
    """Read a JSON file; raise `error` if it is missing, not readable, too large or not JSON."""
    return parse_json(read_bytes(path, error), str(path), error)


def parse_json(text: str | bytes, where: str, error: Refusal) -> Any:
    """Parse JSON; `where` names its file in the `error` that is raised if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise error(f"{where} is not JSON ({reason}); give a JSON file.") from reason


def read_model(
    path: str | Path, model: type[_Model], newest: int | None, error: Refusal, *, remedy: str
) -> _Model:
    """Read a JSON file as a model; raise `error` if it is damaged, or later than `newest`."""
    from pydantic import ValidationError

    said = read_json(path, error)
    if newest is not None and isinstance(said, dict):
        check_version(str(path), said.get("version"), newest, error)
    try:
        return model.model_validate(said)
    except ValidationError as reason:
        first = reason.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise error(f"{path} is damaged ({field}: {first['msg']}); {remedy}.") from reason


def check_version(where: str, version: object, newest: int, error: Refusal) -> None:
    """Raise `error` for a file of a version that is no whole number from 1 to `newest`."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise error(f"{where}: 'version' is {version!r}; it must be a whole number from 1.")
    if version > newest:
        raise error(
            f"{where} is of version {version}, this program reads up to {newest}; "
            "update napari-cortex-decoder."
        )
