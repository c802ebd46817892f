"""The verb `cache`: what decoding keeps for the next time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, print_json


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what decoding keeps to be faster the next time, or delete it.

    Example: `cortex-decoder cache --clear`
    """
    from napari_cortex_decoder.decoder.cache.feature_cache import (
        LIMIT_BYTES,
        cache_folder,
        clear_cache,
        list_cache,
    )

    freed = clear_cache() if clear else 0
    entries = list_cache()
    total = sum(entry.n_bytes for entry in entries)
    if as_json:
        print_json(
            {
                "folder": str(cache_folder()),
                "bytes": total,
                "limit_bytes": LIMIT_BYTES,
                "freed_bytes": freed,
                "entries": [
                    {
                        "file": entry.path.name,
                        "kind": entry.kind,
                        "recording": entry.recording,
                        "bytes": entry.n_bytes,
                        "used": datetime.fromtimestamp(entry.used).isoformat(timespec="seconds"),
                    }
                    for entry in entries
                ],
            }
        )
        return
    if clear:
        typer.echo(f"{freed / 1e6:.1f} MB freed in {cache_folder()}")
        return
    for entry in entries:
        used = datetime.fromtimestamp(entry.used)
        name = entry.recording or "(empty)"
        typer.echo(f"{used:%Y-%m-%d %H:%M}  {entry.n_bytes / 1e6:8.1f} MB  {entry.kind:10}  {name}")
    typer.echo(f"{total / 1e6:.1f} of {LIMIT_BYTES / 1e6:.0f} MB in {cache_folder()}")
