"""Files: written whole or not at all and never over what is not ours, read as data from anywhere.

Everything that writes a file or folder goes through `written_whole`, or `write_whole` and
`write_json`, which stand on it; what is removed or replaced otherwise, through `removing`.
"""

from napari_cortex_decoder.files.inputs import in_use, protected
from napari_cortex_decoder.files.kinds import Kind, begins, json_with, mark, marked
from napari_cortex_decoder.files.reading import (
    Refusal,
    check_version,
    parse_json,
    read_bytes,
    read_json,
    read_model,
)
from napari_cortex_decoder.files.removing import (
    remove_empty,
    remove_file,
    remove_whole,
    replace_file,
)
from napari_cortex_decoder.files.workshop import scratch
from napari_cortex_decoder.files.writing import (
    check_place,
    csv_text,
    make_folder,
    write_json,
    write_whole,
    written_whole,
)

__all__ = [
    "Kind",
    "Refusal",
    "begins",
    "check_place",
    "check_version",
    "csv_text",
    "in_use",
    "json_with",
    "make_folder",
    "mark",
    "marked",
    "parse_json",
    "protected",
    "read_bytes",
    "read_json",
    "read_model",
    "remove_empty",
    "remove_file",
    "remove_whole",
    "replace_file",
    "scratch",
    "write_json",
    "write_whole",
    "written_whole",
]
