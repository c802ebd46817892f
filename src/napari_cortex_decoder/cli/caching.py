"""The verb `cache`: what decoding keeps for the next time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from napari_cortex_decoder.cli.common import AsJson, print_result


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
    told = {
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
    lines = [
        f"{datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}  {entry.n_bytes / 1e6:8.1f} MB  "
        f"{entry.kind:10}  {entry.recording or '(empty)'}"
        for entry in entries
    ]
    lines.append(f"{total / 1e6:.1f} of {LIMIT_BYTES / 1e6:.0f} MB in {cache_folder()}")
    if clear:
        lines = [f"{freed / 1e6:.1f} MB freed in {cache_folder()}"]
    print_result(told, lines, as_json=as_json)
