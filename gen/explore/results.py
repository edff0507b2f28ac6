"""The table that a sweep gives: its columns, and the files that it is written to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..output import put_file
from .store import unwritable

__all__ = ["COLUMNS", "Column", "put", "write_results"]

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Parameters
    ----------
    key : str
    kind : type
        ``str``, ``int``, ``float`` or ``bool``.
    name : str
        As a reader knows it.
    unit : str
    """

    key: str
    kind: type
    name: str
    unit: str = ""


COLUMNS = (
    Column("model", str, "model"), Column("network", str, "network"),
    Column("weight_bits", float, "weight width", "bit"),
    Column("activation_bits", float, "activation width", "bit"),
    Column("quantiser", str, "quantiser"), Column("pruned", float, "pruned share"),
    Column("accuracy", float, "accuracy"), Column("frames", int, "labelled frames"),
    Column("part", str, "part"), Column("board", str, "board"),
    Column("utilisation", float, "share of the LUT sites that may be used"),
    Column("clock_mhz", float, "clock", "MHz"), Column("target", str, "target"),
    Column("target_cycles", int, "cycles a frame at most"),
    Column("status", str, "status"), Column("short_of", str, "short of"),
    Column("excess", float, "of what there is, times"), Column("problem", str, "problem"),
    Column("lut", int, "LUT sites"), Column("ff", int, "flip-flops"),
    Column("bram36", float, "BRAM36"), Column("dsp", int, "DSP"),
    Column("lut_share", float, "LUT sites of the part"),
    Column("ff_share", float, "flip-flops of the part"),
    Column("bram36_share", float, "BRAM36 of the part"),
    Column("dsp_share", float, "DSPs of the part"),
    Column("fmax_mhz", float, "Fmax", "MHz"), Column("reaches_clock", bool, "reaches its clock"),
    Column("bottleneck", str, "slowest block"), Column("interval_cycles", int, "cycles a frame"),
    Column("images_per_second", float, "images a second"),
    Column("seconds_per_image", float, "time for an image", "s"),
    Column("latency_cycles", int, "latency", "cycles"),
    Column("latency_us", float, "latency", "us"),
    *(Column(f"power_w_{level}", float, f"power, {level}", "W")
      for level in ("low", "typical", "high")),
    *(Column(f"energy_mj_{level}", float, f"energy an image, {level}", "mJ")
      for level in ("low", "typical", "high")),
    Column("memory_bits", int, "memory on the chip", "bit"),
    Column("weight_memory_bits", int, "weights on the chip", "bit"),
    Column("bytes_in", int, "in, an image", "B"), Column("bytes_out", int, "out, an image", "B"),
    Column("bits_moved", int, "data moved on the chip, an image", "bit"),
    Column("bits_per_mac", float, "moved for a MAC", "bit"),
    Column("macs", int, "MACs an image"), Column("macs_per_cycle", float, "MACs a cycle"),
    Column("weights", int, "weights"), Column("sparsity", float, "weights that are 0"),
    Column("seconds", float, "computed in", "s"), Column("command", str, "command"),
)
"""In the order of the table; a point that has no value in one leaves it empty."""


def write_results(out: Path, records: Sequence[Record], summary: Mapping[str, Any]) -> list[Path]:
    """Write ``points.csv``, ``explore.json`` and, if pyarrow is installed, ``points.parquet``.

    Raises
    ------
    QuantloomError
        If a file cannot be written.
    """
    rows = [{column.key: record.get(column.key) for column in COLUMNS} for record in records]
    written = [put(out / "points.csv", _csv(rows).encode()),
               put(out / "explore.json", (json.dumps({
                   **summary,
                   "columns": {c.key: {"name": c.name, "unit": c.unit} for c in COLUMNS},
                   "points": rows}, indent=1) + "\n").encode())]
    content = _parquet(rows)
    if content is not None:
        written.append(put(out / "points.parquet", content))
    return written


def put(path: Path, content: bytes) -> Path:
    """Write a file that is there whole, or as it was before.

    Raises
    ------
    QuantloomError
        If it cannot be written.
    """
    try:
        put_file(path, content)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def _csv(rows: Iterable[Record]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [column.key for column in COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _parquet(rows: Sequence[Record]) -> bytes | None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(),
             bool: pyarrow.bool_()}
    schema = pyarrow.schema([
        pyarrow.field(c.key, types[c.kind], metadata={"name": c.name, "unit": c.unit})
        for c in COLUMNS])
    table = pyarrow.table({c.key: pyarrow.array(
        [None if row[c.key] is None else c.kind(row[c.key]) for row in rows], types[c.kind])
        for c in COLUMNS}, schema=schema)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())
