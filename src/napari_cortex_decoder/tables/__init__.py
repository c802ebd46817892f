"""Text tables as programs and people save them: any separator, comments, a header or none."""

from napari_cortex_decoder.tables.cells import (
    Numerals,
    clock_times,
    numbers,
    numerals_of,
    since_1970,
    with_unit,
)
from napari_cortex_decoder.tables.columns import columns_of
from napari_cortex_decoder.tables.lines import Lines, read_lines
from napari_cortex_decoder.tables.names import (
    EMPTY,
    clock_kind,
    is_value,
    plain_name,
    split_unit,
    time_unit,
    unit_in,
)

__all__ = [
    "EMPTY",
    "Lines",
    "Numerals",
    "clock_kind",
    "clock_times",
    "columns_of",
    "is_value",
    "numbers",
    "numerals_of",
    "plain_name",
    "read_lines",
    "since_1970",
    "split_unit",
    "time_unit",
    "unit_in",
    "with_unit",
]
