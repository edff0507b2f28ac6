"""The dataflow graph: blocks joined by streams."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...rtl_templates.block import BlockParams, StreamShape
from ..network import Network

__all__ = ["Block", "Dataflow", "Stream"]


@dataclass(frozen=True)
class Stream:
    """A connection between two blocks, or between a block and the outside.

    Parameters
    ----------
    name : str
        Its wires in the emitted Verilog are ``<name>_payload``, ``_valid`` and ``_ready``.
    shape : StreamShape
    producer, consumer : str or None
        Names of the blocks; None is the outside.
    tensor : str or None
        Network tensor that the stream carries in raster order, None where it carries something
        of the hardware's own (windows, padded maps).
    """

    name: str
    shape: StreamShape
    producer: str | None
    consumer: str | None
    tensor: str | None


@dataclass(frozen=True)
class Block:
    """A block and the streams at its ports, in port order.

    ``layer`` is the network operation that it belongs to. ``inner`` are the streams between the
    parts of a chain: nothing but simulators look at them.
    """

    name: str
    layer: str
    params: BlockParams
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    inner: tuple[str, ...] = ()


@dataclass(eq=False)
class Dataflow:
    """Blocks in topological order, joined by streams; one input and one output stream.

    Raises
    ------
    ValueError
        If a port and its stream differ in shape, or a stream has a loose end.
    """

    name: str
    network: Network
    blocks: dict[str, Block]
    streams: dict[str, Stream]
    input: str = field(init=False)
    output: str = field(init=False)

    def __post_init__(self) -> None:
        for block in self.blocks.values():
            for names, shapes, end in (
                (block.inputs, block.params.inputs, "consumer"),
                (block.outputs, block.params.outputs, "producer"),
                (block.inner, block.params.inner, "producer"),
            ):
                for name, shape in zip(names, shapes, strict=True):
                    stream = self.streams[name]
                    if stream.shape != shape or getattr(stream, end) != block.name:
                        raise ValueError(f"{block.name}: stream {name} must be {shape} with "
                                         f"{end} {block.name}, not {stream}")
        (self.input,) = (s.name for s in self.streams.values() if s.producer is None)
        (self.output,) = (s.name for s in self.streams.values() if s.consumer is None)

    @property
    def bottleneck(self) -> Block:
        """The block with the most cycles a frame."""
        return max(self.blocks.values(), key=lambda block: block.params.cycles)

    @property
    def interval(self) -> int:
        """Cycles a frame in the steady state: the slowest block's, or the input's beats."""
        return max(self.bottleneck.params.cycles, self.streams[self.input].shape.beats)
