"""What a design keeps on the chip, and what moves: bits of memory, bytes, bits per operation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...rtl_templates.top import tdata_width
from ...rtl_templates.types import IntType
from ..dataflow.graph import Dataflow
from ..network import Conv2d, Dense, Op
from ..network.ops import op_fields

__all__ = ["Memory", "Traffic", "table_bits", "traffic"]


@dataclass(frozen=True)
class Memory:
    """Bits on the chip, whatever holds them.

    Parameters
    ----------
    weights : int
    tables : int
        Thresholds, multipliers, biases, lookup tables.
    rows : int
        Line buffers, rows of windows, running results of pools.
    queues : int
        FIFOs and the queues at the blocks' outputs.
    """

    weights: int
    tables: int
    rows: int
    queues: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.weights + self.tables + self.rows + self.queues


@dataclass(frozen=True)
class Traffic:
    """What a frame takes and moves.

    Parameters
    ----------
    memory : Memory
    bytes_in, bytes_out : int
        A frame, as the ports carry it: beats padded to whole bytes.
    between_bits : int
        Moved between blocks in a frame.
    weight_bits : int
        Weights applied in a frame; neighbouring positions that are computed together share them.
    macs : int
    """

    memory: Memory
    bytes_in: int
    bytes_out: int
    between_bits: int
    weight_bits: int
    macs: int

    @property
    def intensity(self) -> float:
        """Multiply-accumulates for each byte at the ports: all else stays on the chip."""
        return self.macs / (self.bytes_in + self.bytes_out)

    def to_json(self, images_per_second: float) -> dict[str, Any]:
        """Plain data, with what it comes to at a rate."""
        per_mac = {"between": self.between_bits / self.macs,
                   "weights": self.weight_bits / self.macs} if self.macs else None
        return {
            "memory_bits": {**asdict(self.memory), "total": self.memory.total},
            "bytes_per_image": {"in": self.bytes_in, "out": self.bytes_out},
            "bytes_per_second": {"in": self.bytes_in * images_per_second,
                                 "out": self.bytes_out * images_per_second},
            "bits_moved_per_image": {"between": self.between_bits, "weights": self.weight_bits},
            "bits_moved_per_mac": per_mac,
            "macs_per_byte": self.intensity,
        }  # fmt: skip


def table_bits(op: Op) -> int:
    """Bits of an operation's constants but its weights, each in the narrowest type for all."""
    bits = 0
    for name, value in op_fields(op).items():
        if isinstance(value, np.ndarray) and name != "weights" and value.size:
            bits += value.size * IntType.for_range(int(value.min()), int(value.max())).bits
    return bits


def traffic(dataflow: Dataflow) -> Traffic:
    """Memory and movement of a dataflow."""
    blocks = [block.params for block in dataflow.blocks.values()]
    source, sink = (dataflow.streams[name].shape for name in (dataflow.input, dataflow.output))
    ops = dataflow.network.ops
    memory = Memory(
        weights=sum(op.weights.size * op.weight_type.bits for op in ops
                    if isinstance(op, Conv2d | Dense)),
        tables=sum(map(table_bits, ops)),
        rows=sum(params.row_bits for params in blocks),
        queues=sum(params.queue_bits for params in blocks))
    return Traffic(
        memory, source.beats * tdata_width(source) // 8, sink.beats * tdata_width(sink) // 8,
        sum(shape.width * shape.beats for block in dataflow.blocks.values()
            for name, shape in zip(block.inputs, block.params.inputs, strict=True)
            if name != dataflow.input),
        sum(params.weight_bits_read for params in blocks), dataflow.network.macs())
