"""Files: written completely or not at all, and read with one clear message for everything that can be wrong."""

from qatk.errors import first_line
from qatk.files.cache import LIMIT, PLACE, cache_folder, cache_limit, least_used
from qatk.files.delimited import SEP, Beginning, CsvStyle, beginning_of, csv_style_of
from qatk.files.hub import causes, hub_errors, is_of_network, unreachable
from qatk.files.reading import (
    ending,
    expanded,
    file_digest,
    folder_size,
    is_there,
    named_files,
    parse_json,
    read_json_lines,
    read_rows,
    read_text,
    text_of,
)
from qatk.files.remote import RemoteFolder, local_place, place_of, url_of
from qatk.files.streaming import is_streamable, json_items, line_blocks, open_plain, stream_json_lines
from qatk.files.writing import (
    RUN_MARK,
    append_json_line,
    discard,
    finite,
    mend_lines,
    replacing,
    storage_errors,
    write_atomically,
    write_json,
)

__all__ = [
    "LIMIT",
    "PLACE",
    "RUN_MARK",
    "SEP",
    "Beginning",
    "CsvStyle",
    "RemoteFolder",
    "append_json_line",
    "beginning_of",
    "cache_folder",
    "cache_limit",
    "causes",
    "csv_style_of",
    "discard",
    "ending",
    "expanded",
    "file_digest",
    "finite",
    "first_line",
    "folder_size",
    "hub_errors",
    "is_of_network",
    "is_streamable",
    "is_there",
    "json_items",
    "least_used",
    "line_blocks",
    "local_place",
    "mend_lines",
    "named_files",
    "open_plain",
    "parse_json",
    "place_of",
    "read_json_lines",
    "read_rows",
    "read_text",
    "replacing",
    "storage_errors",
    "stream_json_lines",
    "text_of",
    "unreachable",
    "url_of",
    "write_atomically",
    "write_json",
]
