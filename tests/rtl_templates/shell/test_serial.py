"""The serial line's parts: bytes, packets, requests, memory; with noise and broken packets."""

import random
from collections import deque

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from quantloom.boards.driver.serial_link import Deframer as HostDeframer
from quantloom.boards.driver.serial_link import framed
from quantloom.rtl_templates.shell.axi import axi_signature
from quantloom.rtl_templates.shell.bridge import REFUSED, Bridge, Operation
from quantloom.rtl_templates.shell.ecp5_pll import pll_settings
from quantloom.rtl_templates.shell.hdlc import Deframer, Framer
from quantloom.rtl_templates.shell.memory import OnChipMemory
from quantloom.rtl_templates.shell.uart import UartReceiver, UartTransmitter, divisor

WORDS, CYCLES = 64, 5


class Device(wiring.Component):
    """A bridge at a line, sixteen registers of which each write adds, and memory."""

    def __init__(self):
        super().__init__({"rx": In(1, init=1), "tx": Out(1), "bus": In(axi_signature(64))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(CYCLES)
        m.submodules.deframer = deframer = Deframer()
        m.submodules.bridge = bridge = Bridge(6, 6)
        m.submodules.framer = framer = Framer()
        m.submodules.transmitter = transmitter = UartTransmitter(CYCLES)
        m.submodules.memory = memory = OnChipMemory(WORDS)
        wiring.connect(m, wiring.flipped(self.bus), memory.bus)
        wiring.connect(m, bridge.memory, memory.host)
        wiring.connect(m, bridge.o, framer.i)
        wiring.connect(m, framer.o, transmitter.i)
        for name in ("byte", "strobe", "broken"):
            m.d.comb += getattr(deframer, name).eq(getattr(receiver, name))
        for name in ("data", "valid", "end", "good"):
            m.d.comb += getattr(bridge, name).eq(getattr(deframer, name))
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        store = [Signal(32, name=f"register_{k}") for k in range(16)]
        bus = bridge.registers
        m.d.comb += [bus.arready.eq(~bus.rvalid), bus.awready.eq(~bus.bvalid & bus.wvalid),
                     bus.wready.eq(~bus.bvalid & bus.awvalid)]
        m.d.sync += [bus.rvalid.eq(bus.arvalid & bus.arready),
                     bus.bvalid.eq(bus.awvalid & bus.awready)]
        for k, register in enumerate(store):
            with m.If(bus.araddr[2:] == k):
                m.d.sync += bus.rdata.eq(register)
            with m.If((bus.awaddr[2:] == k) & bus.awvalid & bus.awready):
                m.d.sync += register.eq(register + bus.wdata)
        return m


def exchange(conversation, *, other=None):
    """Run a device.

    ``conversation`` yields what to send, as bytes or pairs of a byte and its stop bit, and how
    many packets to wait for, and is sent the packets that came. ``other`` drives the bus.
    """
    device = Device()
    simulator = Simulator(device)
    simulator.add_clock(1e-6)
    outgoing, incoming = deque(), bytearray()

    async def send(ctx):
        while True:
            await ctx.tick()
            if not outgoing:
                continue
            byte, stop = outgoing.popleft()
            for bit in [0, *(byte >> k & 1 for k in range(8)), stop]:
                ctx.set(device.rx, bit)
                await ctx.tick().repeat(CYCLES)
            ctx.set(device.rx, 1)
            if not stop:
                await ctx.tick().repeat(12 * CYCLES)

    async def receive(ctx):
        while True:
            await ctx.tick()
            if ctx.get(device.tx):
                continue
            await ctx.tick().repeat(CYCLES // 2)
            byte = 0
            for k in range(8):
                await ctx.tick().repeat(CYCLES)
                byte |= ctx.get(device.tx) << k
            await ctx.tick().repeat(CYCLES)
            assert ctx.get(device.tx) == 1
            incoming.append(byte)

    async def talk(ctx):
        packets, deframer = None, HostDeframer()
        while True:
            try:
                data, wanted = conversation.send(packets)
            except StopIteration:
                return
            outgoing.extend((b, 1) if isinstance(b, int) else b for b in data)
            packets, cycles = [], 0
            while outgoing or len(packets) < wanted:
                await ctx.tick()
                packets += deframer.feed(bytes(incoming))
                incoming.clear()
                cycles += 1
                assert cycles < 60_000, "no answer"
            await ctx.tick().repeat(30 * CYCLES if not wanted else 2)
            packets += deframer.feed(bytes(incoming))
            incoming.clear()

    simulator.add_testbench(send, background=True)
    simulator.add_testbench(receive, background=True)
    simulator.add_testbench(talk)
    if other is not None:
        async def beside(ctx):
            await other(ctx, device.bus)

        simulator.add_testbench(beside, background=True)
    simulator.run()


def request(operation, number, address, data=b""):
    return bytes([operation, number]) + address.to_bytes(4, "little") + data


def test_registers_and_numbers():
    def talk():
        write = request(Operation.WRITE_REGISTER, 7, 8, (41).to_bytes(4, "little"))
        assert (yield framed(write), 1) == [bytes([Operation.WRITE_REGISTER, 7])]
        # Asked again, it is answered again, and done once.
        assert (yield framed(write), 1) == [bytes([Operation.WRITE_REGISTER, 7])]
        read = request(Operation.READ_REGISTER, 8, 8)
        assert (yield framed(read), 1) == [bytes([Operation.READ_REGISTER, 8, 41, 0, 0, 0])]
        write = request(Operation.WRITE_REGISTER, 9, 8, (1 << 20).to_bytes(4, "little"))
        assert (yield framed(write), 1) == [bytes([Operation.WRITE_REGISTER, 9])]
        read = request(Operation.READ_REGISTER, 10, 8)
        assert (yield framed(read), 1) == [
            bytes([Operation.READ_REGISTER, 10, 41, 0, 16, 0])]

    exchange(talk())


def test_memory_with_every_byte():
    seed = 3
    print("seed", seed)
    rng = random.Random(seed)
    data = bytes(rng.sample(range(256), 256))  # all of them, flags and escapes too

    def talk():
        write = request(Operation.WRITE_MEMORY, 1, 64, data)
        assert (yield framed(write), 1) == [bytes([Operation.WRITE_MEMORY, 1])]
        read = request(Operation.READ_MEMORY, 2, 64, b"\x20")
        assert (yield framed(read), 1) == [bytes([Operation.READ_MEMORY, 2]) + data]
        read = request(Operation.READ_MEMORY, 3, 72, b"\x01")
        assert (yield framed(read), 1) == [bytes([Operation.READ_MEMORY, 3]) + data[8:16]]

    exchange(talk())


@pytest.mark.parametrize("bad", [
    request(9, 1, 0), request(Operation.READ_REGISTER, 1, 2),
    request(Operation.READ_REGISTER, 1, 64), request(Operation.READ_REGISTER, 1, 0, b"x"),
    request(Operation.WRITE_REGISTER, 1, 0, b"123"), request(Operation.READ_MEMORY, 1, 0),
    request(Operation.READ_MEMORY, 1, 0, b"\x00"), request(Operation.READ_MEMORY, 1, 0, b"\x21"),
    request(Operation.READ_MEMORY, 1, 512, b"\x01"), request(Operation.WRITE_MEMORY, 1, 0),
    request(Operation.WRITE_MEMORY, 1, 4, b"8" * 8),
    request(Operation.WRITE_MEMORY, 1, 0, b"7" * 7),
], ids=str)  # fmt: skip
def test_refused(bad):
    def talk():
        assert (yield framed(bad), 1) == [bytes([bad[0] | REFUSED, 1])]
        read = request(Operation.READ_REGISTER, 2, 0)
        assert (yield framed(read), 1) == [bytes([Operation.READ_REGISTER, 2, 0, 0, 0, 0])]

    exchange(talk())


def test_noise_and_broken_packets():
    seed = 11
    print("seed", seed)
    rng = random.Random(seed)
    write = framed(request(Operation.WRITE_REGISTER, 5, 0, b"\x01\0\0\0"))

    def talk():
        for k in range(12):
            broken = bytearray(write)
            broken[rng.randrange(1, len(write) - 1)] ^= 1 << rng.randrange(8)
            kinds = [rng.randbytes(rng.randrange(1, 40)), bytes(broken), write[:-3],
                     [*write[:6], (write[6], 0), *write[7:]], rng.randbytes(300) + b"\x7e"]
            assert (yield kinds[k % len(kinds)], 0) == []
            number = 100 + k
            read = framed(request(Operation.READ_REGISTER, number, 0))
            assert (yield read, 1) == [bytes([Operation.READ_REGISTER, number, 0, 0, 0, 0])]

    exchange(talk())


def test_memory_while_bursts_run():
    """Bursts and the host's accesses do not touch each other's words."""
    words = {}

    async def bursts(ctx, bus):
        for turn in range(1000):
            base = 32 + turn % 2 * 16
            ctx.set(bus.awaddr, base * 8)
            ctx.set(bus.awvalid, 1)
            await ctx.tick().until(bus.awready)
            ctx.set(bus.awvalid, 0)
            for k in range(16):
                words[base + k] = turn * 100 + k
                ctx.set(bus.wdata, words[base + k])
                ctx.set(bus.wstrb, 0xFF)
                ctx.set(bus.wlast, k == 15)
                ctx.set(bus.wvalid, 1)
                await ctx.tick().until(bus.wready)
            ctx.set(bus.wvalid, 0)
            ctx.set(bus.bready, 1)
            await ctx.tick().until(bus.bvalid)
            ctx.set(bus.araddr, base * 8)
            ctx.set(bus.arlen, 15)
            ctx.set(bus.arvalid, 1)
            await ctx.tick().until(bus.arready)
            ctx.set(bus.arvalid, 0)
            for k in range(16):
                ctx.set(bus.rready, (turn + k) % 3 != 0)
                while True:
                    _, _, valid, data, last = await ctx.tick().sample(
                        bus.rvalid, bus.rdata, bus.rlast)
                    if valid and ctx.get(bus.rready):
                        break
                    ctx.set(bus.rready, 1)
                assert (data, last) == (words[base + k], k == 15)
            ctx.set(bus.rready, 0)

    def talk():
        for number in range(6):
            data = bytes((number * 31 + k) % 256 for k in range(64))
            write = request(Operation.WRITE_MEMORY, 2 * number, 8 * number, data)
            assert (yield framed(write), 1) == [bytes([Operation.WRITE_MEMORY, 2 * number])]
            read = request(Operation.READ_MEMORY, 2 * number + 1, 8 * number, b"\x08")
            assert (yield framed(read), 1) == [
                bytes([Operation.READ_MEMORY, 2 * number + 1]) + data]

    exchange(talk(), other=bursts)


@pytest.mark.parametrize("clock, baud, cycles", [(50, 1_000_000, 50), (60, 115_200, 521)])
def test_divisor(clock, baud, cycles):
    assert divisor(clock, baud) == cycles


@pytest.mark.parametrize("clock, baud", [(25, 10_000_000), (50, 12_100_000), (10, 2_300_000)])
def test_rate_that_does_not_go(clock, baud):
    with pytest.raises(ValueError, match="baud must be such that a bit lasts a whole number"):
        divisor(clock, baud)


@pytest.mark.parametrize("source, wanted, clock", [
    (25, 50, 50), (25, 100, 100), (25, 62.5, 62.5), (48, 75, 74.667), (25, 133, 132.143)])
def test_pll(source, wanted, clock):
    found = pll_settings(source, wanted)
    assert found.clock == pytest.approx(clock, rel=1e-5) and found.clock <= wanted + 1e-6
    assert 400 <= found.clock * found.output <= 800
    assert 3.125 <= found.source / found.input <= 400


def test_pll_out_of_reach():
    with pytest.raises(ValueError, match="Clock must be one that a PLL makes of 25 MHz, not 900"):
        pll_settings(25, 900)
