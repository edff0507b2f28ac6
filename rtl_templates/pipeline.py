"""What free-running pipelines are made of: issue, delays, counters, constant tables, codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, stream, wiring

from .block import BlockParams, Timing, serve
from .nest import incremented
from .queue import CreditQueue
from .types import IntType

__all__ = [
    "PipelineParams", "counter", "decode", "delay", "element", "issue", "pack", "pack_codes",
    "read_table", "recode", "select",
]  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class PipelineParams(BlockParams):
    """Base of the parameters of blocks that are one pipeline behind :func:`issue`.

    Parameters
    ----------
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.
    """

    depth: int | None = None

    @property
    def pipeline(self) -> int:
        """Cycles from issue to the output queue's input."""
        raise NotImplementedError

    @property
    def emits(self) -> np.ndarray | None:
        """Which input beats of a frame complete a result, bool (beats,); None if all do."""
        return None

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The pipeline and the queue."""
        return self.pipeline + 1

    @property
    def cycles(self) -> int:
        return self.inputs[0].beats

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        emits = None if self.emits is None else np.tile(self.emits, frames)
        start = serve(np.maximum.reduce(arrivals), depth=self.depth, hold=self.latency + 1,
                      emits=emits)
        ends = start if emits is None else start[emits]
        return Timing((start,) * len(arrivals), (ends + self.latency,))


def counter(m: Module, name: str, modulus: int, step: Value) -> tuple[Signal, Value]:
    """Counter from 0 that wraps at ``modulus``, and whether it stands at its last value."""
    count = Signal(range(max(2, modulus)), name=name)
    at_last = Signal(name=f"{name}_last")
    m.d.comb += at_last.eq(count == modulus - 1)
    if modulus > 1:
        with m.If(step):
            m.d.sync += count.eq(Mux(at_last, 0, incremented(count)))
    return count, at_last


def delay(m: Module, name: str, value: Value, cycles: int = 1, *, reset: bool = False) -> Value:
    """The value some cycles later.

    Data needs no reset, and without one a chain fits the shift registers of LUTs; what marks
    data as valid needs one.
    """
    for k in range(cycles):
        register = Signal(value.shape(), name=f"{name}_d{k + 1}", reset_less=not reset)
        m.d.sync += register.eq(value)
        value = register
    return value


def issue(
    m: Module,
    go: Signal,
    inputs: Sequence[stream.Interface],
    output: stream.Interface,
    cycles: int,
    last: Value | None = None,
    depth: int | None = None,
) -> CreditQueue:
    """Issue logic and output queue of a pipeline that never stops.

    A beat of every input is taken in the cycle in which ``go`` is high. If ``last`` is high in
    the same cycle, that beat's result leaves the pipeline ``cycles`` cycles later: drive the
    queue's ``payload`` with it. ``latency`` of such a block is ``cycles + 1``.

    Parameters
    ----------
    m : Module
        Receives the logic and the submodule ``queue``.
    go : Signal
        Driven here.
    inputs : sequence of stream interfaces
        Joined.
    output : stream interface
        The component's own port; its payload's shape is the queue's.
    cycles : int
        Registers between issue and the queue.
    last : Value or None
        Whether the beat completes a result; None if every beat does.
    depth : int or None
        Places of the queue; None: enough for one beat a cycle.
    """
    last = Const(1) if last is None else last
    m.submodules.queue = queue = CreditQueue(output.payload.shape(), cycles, depth)
    wiring.connect(m, queue.o, wiring.flipped(output))
    room = queue.credit | ~last
    m.d.comb += go.eq(room & Cat(i.valid for i in inputs).all())
    for port in inputs:
        others = [i.valid for i in inputs if i is not port]
        m.d.comb += port.ready.eq(room & Cat(others).all() if others else room)
    ending = go & last
    m.d.comb += [
        queue.take.eq(ending),
        queue.valid.eq(delay(m, "valid", ending, cycles, reset=True)),
    ]
    return queue


def select(values: Sequence[Value], index: Value) -> Value:
    """``values[index]`` as a balanced tree of two-way multiplexers."""
    if len(values) == 1:
        return values[0]
    half = 1 << (len(values) - 1).bit_length() - 1
    bit = half.bit_length() - 1
    return Mux(index[bit], select(values[half:], index), select(values[:half], index))


def element(word: Value, index: int, type_: IntType) -> Value:
    """Code of one element of a word of codes, signed where the type is."""
    code = word[index * type_.bits : (index + 1) * type_.bits]
    return code.as_signed() if type_.signed else code


def decode(code: Value, type_: IntType) -> Value:
    """The value that a code stands for."""
    return Cat(Const(1, 1), ~code).as_signed() if type_.bipolar else code


def recode(code: Value, source: IntType, target: IntType) -> Value:
    """Code in the target type of an element of the source type: unsigned, ``target.bits`` wide."""
    if source == target:
        return code.as_unsigned()
    value = decode(code, source)
    if len(value) >= target.bits:
        return value[: target.bits]
    fill = value[-1] if source.signed or source.bipolar else Const(0, 1)
    return Cat(value, fill.replicate(target.bits - len(value)))


def pack(values: Sequence[int] | np.ndarray, bits: int) -> int:
    """Integers of one word side by side, two's complement, the first lowest."""
    word = 0
    for k, value in enumerate(values):
        word |= (int(value) & ((1 << bits) - 1)) << (k * bits)
    return word


def pack_codes(values: np.ndarray, type_: IntType) -> list[int]:
    """Words of codes side by side: first axis words, the others flattened, the first lowest."""
    codes = type_.encode(values.reshape(len(values), -1))
    bits = (codes[:, :, None] >> np.arange(type_.bits)) & 1
    packed = np.packbits(bits.astype(np.uint8).reshape(len(codes), -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def read_table(m: Module, name: str, words: Sequence[int], address: Value, width: int) -> Value:
    """Word of a constant table, one cycle after its address; a constant if all are equal."""
    if len(set(words)) == 1:
        return Const(words[0], width)
    m.submodules[name] = rom = memory.Memory(shape=unsigned(width), depth=len(words), init=words)
    port = rom.read_port()
    m.d.comb += port.addr.eq(address)
    return port.data
