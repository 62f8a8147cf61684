"""Feather: Arrow's own file, of either version, or its stream."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from modelmake.config.data import Data
from modelmake.tables.arrow import slices, to_frame
from modelmake.tables.file import File
from modelmake.tables.kinds.kind import Kind

FILE, FIRST, STREAM = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"


def _read(file: File, config: Data) -> pd.DataFrame:
    source, stream = pa.BufferReader(file.content()), file.head().startswith(STREAM)
    return to_frame(pa.ipc.open_stream(source).read_all() if stream else feather.read_table(source), config)


def _stream(file: File, _config: Data, rows: int) -> Iterator[pa.Table]:
    head = file.head()
    source = pa.BufferReader(file.content()) if file.compression else pa.memory_map(str(file.path))
    if head.startswith(FIRST):
        yield from slices(feather.read_table(source), rows)
    elif head.startswith(FILE):
        opened = pa.ipc.open_file(source)
        for place in range(opened.num_record_batches):
            yield from slices(pa.Table.from_batches([opened.get_batch(place)]), rows)
    else:
        for batch in pa.ipc.open_stream(source):
            yield from slices(pa.Table.from_batches([batch]), rows)


def _fits(path: Path, head: bytes) -> bool:
    return path.suffix.lower() == ".arrow" and head.startswith(STREAM)


KIND = Kind("feather", "an Arrow file", (".feather", ".arrow"), _stream, _read, magic=(FILE, FIRST), fits=_fits)
