"""The accelerator: blocks joined by streams, with AXI4-Stream ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, ClockDomain, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .block import BlockParams, StreamShape
from .queue import FifoParams

__all__ = ["Accelerator", "Instance", "tdata_width"]


@dataclass(frozen=True)
class Instance:
    """A block in the accelerator: its parameters and the names of the streams at its ports."""

    params: BlockParams
    inputs: Sequence[str]
    outputs: Sequence[str]
    inner: Sequence[str] = ()


def tdata_width(shape: StreamShape) -> int:
    """Width of TDATA: the payload padded to whole bytes, as AXI4-Stream asks."""
    return -(-shape.width // 8) * 8


class Accelerator(wiring.Component):
    """A network's blocks behind AXI4-Stream ports.

    A frame enters as ``input.beats`` transfers; elements lie side by side in TDATA, the first
    lowest, padded to whole bytes at the top. ``m_axis_tlast`` marks the last transfer of a frame.
    ``s_axis_tlast`` is accepted and not needed: frames are counted. Reset is synchronous and takes
    effect a cycle later.

    Every stream is a set of wires of this module, named after the stream; FIFO levels are wires
    named ``<fifo>_level``.

    Parameters
    ----------
    instances : mapping of str to Instance
    streams : mapping of str to StreamShape
    input, output : str
        The streams at the ports.

    Members
    -------
    aclk, aresetn : In(1)
    s_axis_tdata, s_axis_tvalid, s_axis_tlast : In; s_axis_tready : Out
    m_axis_tdata, m_axis_tvalid, m_axis_tlast : Out; m_axis_tready : In
    """

    def __init__(self, instances: Mapping[str, Instance], streams: Mapping[str, StreamShape],
                 input: str, output: str):
        self.instances, self.streams = dict(instances), dict(streams)
        self.input, self.output = input, output
        super().__init__({
            "aclk": In(1),
            "aresetn": In(1),
            "s_axis_tdata": In(tdata_width(streams[input])),
            "s_axis_tvalid": In(1),
            "s_axis_tready": Out(1),
            "s_axis_tlast": In(1),
            "m_axis_tdata": Out(tdata_width(streams[output])),
            "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1),
            "m_axis_tlast": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        domain = ClockDomain("sync")
        domain.clk = self.aclk
        m.domains += domain
        # From a register, whose output is free to be spread over the chip.
        reset = Signal(init=1, reset_less=True)
        m.d.sync += reset.eq(~self.aresetn)
        m.d.comb += domain.rst.eq(reset)

        wires: dict[str, dict[str, Signal]] = {}
        for name, shape in self.streams.items():
            wires[name] = {"payload": Signal(shape.width, name=f"{name}_payload"),
                           "valid": Signal(name=f"{name}_valid"),
                           "ready": Signal(name=f"{name}_ready")}
        for name, instance in self.instances.items():
            block = instance.params.create()
            m.submodules[name] = block
            for letter, streams in (("i", instance.inputs), ("o", instance.outputs)):
                for k, stream in enumerate(streams):
                    port = getattr(block, letter if k == 0 else f"{letter}_{k}")
                    self._join(m, wires[stream], port, produces=letter == "o")
            for k, stream in enumerate(instance.inner):
                self._join(m, wires[stream], getattr(block, f"tap_{k}" if k else "tap"),
                           produces=True)
                m.d.comb += wires[stream]["ready"].eq(1)  # what begins a beat has room for it
            if isinstance(instance.params, FifoParams):
                self._count(m, name, instance.params.depth, wires[instance.inputs[0]],
                            wires[instance.outputs[0]])

        source, sink = wires[self.input], wires[self.output]
        m.d.comb += [
            source["payload"].eq(self.s_axis_tdata),
            source["valid"].eq(self.s_axis_tvalid & ~reset),
            self.s_axis_tready.eq(source["ready"] & ~reset),
            self.m_axis_tdata.eq(sink["payload"]),
            self.m_axis_tvalid.eq(sink["valid"]),
            sink["ready"].eq(self.m_axis_tready),
            self.m_axis_tlast.eq(self._last(m, sink["valid"] & sink["ready"])),
        ]
        return m

    @staticmethod
    def _join(m: Module, wire: dict[str, Signal], port: wiring.PureInterface, *,
              produces: bool) -> None:
        payload, valid, ready = Cat(port.payload), port.valid, port.ready
        if produces:
            m.d.comb += [wire["payload"].eq(payload), wire["valid"].eq(valid),
                         ready.eq(wire["ready"])]
        else:
            m.d.comb += [payload.eq(wire["payload"]), valid.eq(wire["valid"]),
                         wire["ready"].eq(ready)]

    @staticmethod
    def _count(m: Module, name: str, depth: int, before: dict[str, Signal],
               behind: dict[str, Signal]) -> None:
        """Level of a FIFO, for simulators: nothing reads it, and synthesis leaves it out."""
        level = Signal(range(depth + 1), name=f"{name}_level")
        put, get = (wire["valid"] & wire["ready"] for wire in (before, behind))
        m.d.sync += level.eq(level + put - get)

    def _last(self, m: Module, taken: Value) -> Value:
        beats = self.streams[self.output].beats
        count = Signal(range(max(2, beats)), name="m_axis_beat")
        last = Signal(name="m_axis_last")
        m.d.comb += last.eq(count == beats - 1)
        with m.If(taken):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return last
