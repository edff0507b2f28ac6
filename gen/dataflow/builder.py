"""Building a dataflow graph block by block."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from ...rtl_templates.adapter import AdapterParams
from ...rtl_templates.block import BlockParams, StreamShape
from ...rtl_templates.fork import ForkParams
from ..network import Network, Tensor
from .graph import Block, Dataflow, Stream

__all__ = ["Builder", "beats_of", "lanes_fit"]


def lanes_fit(tensor: Tensor, lanes: int) -> bool:
    """Whether beats of so many elements are a part of a pixel, or whole pixels."""
    channels = tensor.shape[2]
    return tensor.size % lanes == 0 and (channels % lanes == 0 or lanes % channels == 0)


def beats_of(tensor: Tensor, lanes: int) -> StreamShape:
    """Stream of a tensor."""
    return StreamShape(tensor.type, lanes, tensor.size // lanes)


class Builder:
    """Collects blocks and streams; puts forks and width adapters where they are needed.

    Parameters
    ----------
    network : Network
    input_lanes : int
        Elements a beat of the input stream.
    """

    def __init__(self, network: Network, input_lanes: int):
        self.network = network
        self.blocks: dict[str, Block] = {}
        self.streams: dict[str, Stream] = {}
        self._waiting: dict[str, list[str]] = {}
        self._streams_of("input", beats_of(network.input, input_lanes), None, "input")
        self.give("input", "input")

    def _streams_of(self, name: str, shape: StreamShape, producer: str | None,
                    tensor: str | None) -> None:
        self.streams[name] = Stream(name, shape, producer, None, tensor)

    def add(self, layer: str, name: str, params: BlockParams, inputs: list[str],
            tensor: str | None) -> list[str]:
        """Add a block behind streams; its output streams, which carry ``tensor``.

        A name that is taken gets a number.
        """
        wanted, count = name, 1
        while name in self.blocks:
            name, count = f"{wanted}_{count}", count + 1
        outputs = []
        for k, shape in enumerate(params.outputs):
            outputs.append(f"{name}_o" if k == 0 else f"{name}_o_{k}")
            self._streams_of(outputs[-1], shape, name, tensor)
        for stream in inputs:
            self.streams[stream] = replace(self.streams[stream], consumer=name)
        self.blocks[name] = Block(name, layer, params, tuple(inputs), tuple(outputs))
        return outputs

    def give(self, tensor: str, stream: str) -> None:
        """A stream carries a tensor: hand it to the tensor's consumers."""
        consumers = self.network.consumers(tensor)
        if len(consumers) > 1:
            params = ForkParams(stream=self.streams[stream].shape, copies=len(consumers))
            self._waiting[tensor] = self.add(tensor, f"{tensor}_fork", params, [stream], tensor)
        else:
            self._waiting[tensor] = [stream]

    def lanes(self, tensor: str) -> int:
        """Lanes in which a tensor's stream comes."""
        return self.streams[self._waiting[tensor][0]].shape.lanes

    def any_lanes(self, tensor: str) -> int:
        """Lanes in which an operation that works on any will take a tensor."""
        lanes, shape = self.lanes(tensor), self.network.tensors[tensor]
        return lanes if lanes_fit(shape, lanes) else gcd(lanes, shape.shape[2])

    def take(self, layer: str, tensor: str, lanes: int) -> str:
        """The next consumer's stream of a tensor, with so many lanes."""
        stream = self._waiting[tensor].pop(0)
        shape = self.streams[stream].shape
        if shape.lanes == lanes:
            return stream
        params = AdapterParams(type=shape.type, lanes_in=shape.lanes, lanes_out=lanes,
                               elements=shape.elements)
        return self.add(layer, f"{layer}_adapter", params, [stream], tensor)[0]

    def alias(self, tensor: str, other: str) -> None:
        """Another tensor is the same stream."""
        self.give(other, self._waiting[tensor].pop(0))

    def finish(self) -> Dataflow:
        """The graph; its last stream is the network's output."""
        return Dataflow(self.network.name, self.network, self.blocks, self.streams)
