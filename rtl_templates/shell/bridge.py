"""A host's packets as accesses to registers and memory, each answered by one packet.

A request is an operation, a number, and an address of four bytes, lowest first; then what the
operation needs. A reply repeats operation and number; what it read follows. Nothing is answered
unless a request is whole and its checksum right: the host asks again, with the same number, and
what a request of that number did is not done twice.

    read register    address                  -> 4 bytes
    write register   address, 4 bytes         ->
    read memory      address, words (1 byte)  -> 8 bytes a word
    write memory     address, 8 bytes a word  ->
"""

from __future__ import annotations

from enum import IntEnum

from amaranth.hdl import Array, Cat, Module, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .axi import lite_signature
from .hdlc import BYTE
from .memory import host_signature
from .params import BUS_BYTES

__all__ = ["MAX_WORDS", "REFUSED", "Bridge", "Operation"]


class Operation(IntEnum):
    """What a request asks for."""

    READ_REGISTER = 1
    WRITE_REGISTER = 2
    READ_MEMORY = 3
    WRITE_MEMORY = 4


REFUSED = 0x80
"""Set in the operation of a reply to a request that means nothing."""

MAX_WORDS = 32
"""Words of memory in a packet."""

_HEADER = 6
_CHECKSUM = 2
_PACKET = _HEADER + BUS_BYTES * MAX_WORDS + _CHECKSUM


class Bridge(wiring.Component):
    """Executes requests, one at a time; what arrives meanwhile is lost.

    Parameters
    ----------
    register_bits, memory_bits : int
        Of the addresses: in bytes of registers, in words of memory. Higher ones are refused.

    Members
    -------
    data, valid, end, good : In
        From the deframer.
    o : Out(stream of BYTE)
        To the framer.
    registers : Out(AXI4-Lite)
    memory : Out(host_signature)
    """

    o: stream.Interface

    def __init__(self, register_bits: int, memory_bits: int):
        self.register_bits, self.memory_bits = register_bits, memory_bits
        super().__init__({
            "data": In(8), "valid": In(1), "end": In(1), "good": In(1),
            "o": Out(stream.Signature(BYTE)),
            "registers": Out(lite_signature(register_bits)),
            "memory": Out(host_signature(memory_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.packet = packet = memory.Memory(shape=8, depth=_PACKET, init=[])
        into = packet.write_port()
        out = packet.read_port()
        header = Array(Signal(8, name=f"header_{k}") for k in range(_HEADER + 4))
        operation, number, address = header[0], header[1], Cat(header[k] for k in range(2, 6))
        length = Signal(range(_PACKET + 2))
        listening = Signal()
        m.d.comb += [into.addr.eq(length), into.data.eq(self.data),
                     into.en.eq(listening & self.valid & (length < _PACKET))]
        with m.If(listening & self.valid):
            with m.If(length <= _PACKET):
                m.d.sync += length.eq(length + 1)
            with m.If(length < len(header)):
                m.d.sync += header[length].eq(self.data)

        # The word under way, its bytes that are left, the words that are left, and its place.
        word = Signal(8 * BUS_BYTES)
        left = Signal(range(BUS_BYTES + 1))
        words = Signal(range(MAX_WORDS + 1))
        place = Signal(self.memory_bits)
        at = Signal(range(_PACKET + 1))
        m.d.comb += [
            out.addr.eq(at),
            self.registers.araddr.eq(address), self.registers.awaddr.eq(address),
            self.registers.wdata.eq(Cat(header[_HEADER + k] for k in range(4))),
            self.registers.wstrb.eq(~0), self.registers.bready.eq(1), self.registers.rready.eq(1),
            self.memory.address.eq(place), self.memory.wdata.eq(word),
        ]
        done_number = Signal(8)
        done_any = Signal()
        with m.FSM(name="bridge"):
            with m.State("listen"):
                m.d.comb += listening.eq(1)
                with m.If(self.end):
                    m.d.sync += length.eq(0)
                    with m.If(self.good & (length >= _HEADER + _CHECKSUM) & (length <= _PACKET)):
                        m.d.sync += length.eq(length - (_HEADER + _CHECKSUM))
                        m.next = "request"
            with m.State("request"):
                self._request(m, header, length, words, done_any & (number == done_number))
                m.d.sync += [done_number.eq(number), done_any.eq(1), length.eq(0), left.eq(0),
                             at.eq(_HEADER), place.eq(address >> 3)]
            self._registers(m, word, left)
            self._store(m, out.data, at, word, left, words, place)
            self._reply(m, operation, number, word, left, words, place)
        return m

    def _request(self, m: Module, header: Array[Signal], rest: Signal, words: Signal,
                 again: Value) -> None:
        """Whether a request means something, and what it begins.

        ``rest`` are the bytes behind the header, ``again`` tells a number seen before.
        """
        operation, address = header[0], Cat(header[k] for k in range(2, 6))
        register = ~address[self.register_bits :].any() & ~address[:2].any()
        memory = ~address[self.memory_bits + 3 :].any() & ~address[:3].any()
        m.d.sync += [words.eq(0), operation.eq(operation | REFUSED)]
        m.next = "operation"

        def accept(state: str) -> None:
            m.d.sync += operation.eq(operation)
            m.next = state

        with m.Switch(operation):
            with m.Case(Operation.READ_REGISTER), m.If((rest == 0) & register):
                m.d.sync += self.registers.arvalid.eq(1)
                accept("read register")
            with m.Case(Operation.WRITE_REGISTER):
                with m.If((rest == 4) & register & again):
                    accept("operation")
                with m.Elif((rest == 4) & register):
                    m.d.sync += [self.registers.awvalid.eq(1), self.registers.wvalid.eq(1)]
                    accept("write register")
            with m.Case(Operation.READ_MEMORY):
                count = header[_HEADER]
                with m.If((rest == 1) & memory & (count != 0) & (count <= MAX_WORDS)):
                    m.d.sync += words.eq(count)
                    accept("operation")
            with m.Case(Operation.WRITE_MEMORY), m.If((rest != 0) & ~rest[:3].any() & memory):
                m.d.sync += words.eq(rest >> 3)
                accept("fetch")

    def _registers(self, m: Module, word: Signal, left: Signal) -> None:
        bus = self.registers
        with m.State("read register"):
            with m.If(bus.arready):
                m.d.sync += bus.arvalid.eq(0)
            with m.If(bus.rvalid):
                m.d.sync += [word.eq(bus.rdata), left.eq(4)]
                m.next = "operation"
        with m.State("write register"):
            with m.If(bus.awready):
                m.d.sync += bus.awvalid.eq(0)
            with m.If(bus.wready):
                m.d.sync += bus.wvalid.eq(0)
            with m.If(bus.bvalid):
                m.next = "operation"

    def _store(self, m: Module, byte: Value, at: Signal, word: Signal, left: Signal,
               words: Signal, place: Signal) -> None:
        """The packet's words into memory; ``left`` counts the bytes of a word up here."""
        with m.State("fetch"):
            m.next = "take"  # the packet's memory answers in the next cycle
        with m.State("take"):
            m.d.sync += [word.eq(Cat(word[8:], byte)), at.eq(at + 1), left.eq(left + 1)]
            m.next = "fetch"
            with m.If(left == BUS_BYTES - 1):
                m.d.sync += left.eq(0)
                m.next = "store"
        with m.State("store"):
            m.d.comb += self.memory.write.eq(1)
            with m.If(self.memory.done):
                m.d.sync += [words.eq(words - 1), place.eq(place + 1)]
                m.next = "fetch"
                with m.If(words == 1):
                    m.next = "operation"

    def _reply(self, m: Module, operation: Value, number: Value, word: Signal, left: Signal,
               words: Signal, place: Signal) -> None:
        out = self.o
        with m.State("operation"):
            m.d.comb += [out.valid.eq(1), out.payload.data.eq(operation)]
            with m.If(out.ready):
                m.next = "number"
        with m.State("number"):
            m.d.comb += [out.valid.eq(1), out.payload.data.eq(number),
                         out.payload.last.eq((left == 0) & (words == 0))]
            with m.If(out.ready):
                with m.If(left != 0):
                    m.next = "bytes"
                with m.Elif(words != 0):
                    m.next = "load"
                with m.Else():
                    m.next = "listen"
        with m.State("load"):
            m.d.comb += self.memory.read.eq(1)
            with m.If(self.memory.done):
                m.d.sync += [word.eq(self.memory.rdata), left.eq(BUS_BYTES), words.eq(words - 1),
                             place.eq(place + 1)]
                m.next = "bytes"
        with m.State("bytes"):
            m.d.comb += [out.valid.eq(1), out.payload.data.eq(word[:8]),
                         out.payload.last.eq((left == 1) & (words == 0))]
            with m.If(out.ready):
                m.d.sync += [word.eq(word >> 8), left.eq(left - 1)]
                with m.If(left == 1):
                    m.next = "load"
                    with m.If(words == 0):
                        m.next = "listen"
