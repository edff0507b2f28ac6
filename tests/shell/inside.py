"""Tests of a shell that cocotb runs in the simulator."""

from __future__ import annotations

import os

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiResp

from quantloom.gen.cli.run import compare

from .bench import Bench

SOURCE, SINK = 0x1000, 0x8000
EMPTY = 0xA5
"""What memory holds where nothing was written."""


async def prepared(dut, frames, *, stalls=0.0, source=SOURCE, stride=None):
    """A bench with frames in memory; also what each output frame must be."""
    bench = await Bench(dut).start(stalls)
    inputs, expected = bench.frames(frames)
    bench.ram.write(0, bytes([EMPTY]) * bench.ram.size)
    rows = bench.bytes_of("in", inputs)
    for k, row in enumerate(rows):
        bench.ram.write(source + k * (stride or -(-len(row) // 8) * 8), row)
    return bench, bench.bytes_of("out", expected)


def row(bench, k, address=SINK, stride=None):
    """Bytes of the output frame ``k`` in memory."""
    length = bench.length("out")
    return bench.ram.read(address + k * (stride or -(-length // 8) * 8), length)


@cocotb.test
async def frames_under_stalls(dut):
    """20 frames with random pauses on all channels; counters, interrupt, high-water marks."""
    bench = await Bench(dut).start(stalls=0.4)
    frames, expected = bench.frames(20)
    report = await bench.drive(lambda accelerator: accelerator.run(frames))
    assert np.array_equal(report.outputs, expected)
    assert report.frames == 20
    assert await bench.read("frames_in") == await bench.read("frames_out") == 20
    assert await bench.read("in_done") == await bench.read("out_done") == 20
    assert await bench.read("errors") == 0
    assert bench.interrupt.value == 1  # the driver enables it and leaves the cause to be seen
    await bench.write("irq_status", 2)
    await ClockCycles(bench.clock, 5)
    assert bench.interrupt.value == 0
    fifos = [block.name for block in bench.design.dataflow.blocks.values()
             if block.params.kind == "fifo"]
    assert list(report.fifo_high_water) == fifos
    for mark, depth in report.fifo_high_water.values():
        assert 0 < mark <= depth
    assert bench.monitors[0].most_reads >= 2
    bench.legal()


@cocotb.test
async def registers(dut):
    """Constants, reset values, byte strobes, flags, and what is no register."""
    bench = await Bench(dut).start()
    for register in bench.map["registers"]:
        access = {field["access"] for field in register["fields"]}
        if access & {"constant", "write"}:
            assert await bench.read(register["name"]) == register["reset"], register["name"]
        if access == {"write"}:
            mask = sum(((1 << f["width"]) - 1) << f["low"] for f in register["fields"])
            if register["name"].endswith("_frames"):
                continue  # begins a job
            await bench.write(register["name"], 0xFFFFFFFF)
            assert await bench.read(register["name"]) == mask, register["name"]
            await bench.lite.write(register["offset"] + 1, b"\0")
            assert await bench.read(register["name"]) == mask & 0xFFFF00FF, register["name"]
            await bench.write(register["name"], 0)
            assert await bench.read(register["name"]) == 0, register["name"]
    assert bytes.fromhex(bench.map["hash"]) == b"".join(
        [(await bench.read(f"hash_{k}")).to_bytes(4, "big") for k in range(4)])
    taken = {register["offset"] for register in bench.map["registers"]}
    free = next(offset for offset in range(0, bench.map["span"], 4) if offset not in taken)
    await bench.write(free, 0xFFFFFFFF)
    assert await bench.read(free) == 0
    await bench.write("in_length", 0)
    await bench.write("in_frames", 1)
    assert await bench.flags() == {"in_dropped"}
    await bench.write("errors", 0)
    assert await bench.flags() == {"in_dropped"}
    await bench.write("errors", 0xFFFFFFFF)
    assert await bench.flags() == set()
    bench.legal()


@cocotb.test
async def cycle_counter(dut):
    """The upper half is that of when the lower one was read."""
    bench = await Bench(dut).start()
    low, high = await bench.read("cycles_low"), await bench.read("cycles_high")
    await ClockCycles(bench.clock, 1000)
    later = await bench.read("cycles_low")
    assert high == 0 and 1000 < later - low < 1030


async def watch(bench, seen):
    """Cycles of first and last beats at the accelerator's ports."""
    core, cycle = bench.dut.shell.core, 0
    beats = bench.map["input"]["beats"]
    count = 0
    while True:
        await RisingEdge(bench.clock)
        cycle += 1
        if core.s_axis_tvalid.value == 1 and core.s_axis_tready.value == 1:
            if count % beats == 0:
                seen["first"].append(cycle)
            count += 1
        if (core.m_axis_tvalid.value == 1 and core.m_axis_tready.value == 1
                and core.m_axis_tlast.value == 1):
            seen["last"].append(cycle)


@cocotb.test
async def latency_and_interval(dut):
    """The counters beside what is seen at the accelerator's ports."""
    bench, expected = await prepared(dut, 5, stalls=0.2)
    seen = {"first": [], "last": []}
    cocotb.start_soon(watch(bench, seen))
    await bench.write("control", 1)
    await bench.job("out", SINK, 5)
    await bench.job("in", SOURCE, 5)
    await bench.done(5)
    assert [row(bench, k) for k in range(5)] == expected
    latencies = [last - first + 1 for first, last in zip(seen["first"], seen["last"],
                                                         strict=True)]
    assert await bench.read("latency") in latencies
    assert await bench.read("interval") == seen["last"][-1] - seen["last"][-2]
    # One frame alone is measured for certain.
    await bench.job("out", SINK, 1)
    await bench.job("in", SOURCE, 1)
    await bench.done(6)
    assert await bench.read("latency") == seen["last"][5] - seen["first"][5] + 1
    bench.legal()


async def faulty(dut, verb, frame, response):
    """Run 4 frames of which one is hit by a bus error; returns the bench and expected bytes."""
    bench, expected = await prepared(dut, 4, stalls=0.2)
    bench.ram.answer(response)
    side, base = ("in", SOURCE) if verb == "read" else ("out", SINK)
    stride = -(-bench.length(side) // 8) * 8
    word = base + frame * stride + stride // 16 * 8
    bench.ram.broken[verb] = (word, word + 7)
    await bench.write("irq_enable", 4)
    await bench.write("control", 1)
    await bench.job("out", SINK, 4)
    await bench.job("in", SOURCE, 4)
    await bench.done(4)
    assert await bench.flags() == {f"{verb}_response"}
    assert await bench.read(f"{verb}_error_frame") == frame
    assert bench.interrupt.value == 1
    for k in range(4):
        assert k == frame or row(bench, k) == expected[k], k
    bench.ram.broken[verb] = None
    await bench.write("errors", 0xFFFFFFFF)
    await bench.write("irq_status", 0xFFFFFFFF)
    await bench.job("out", SINK, 4)
    await bench.job("in", SOURCE, 4)
    await bench.done(8)
    assert [row(bench, k) for k in range(4)] == expected
    assert await bench.flags() == set() and bench.interrupt.value == 0
    bench.legal()


@cocotb.test
async def read_error(dut):
    """A read is answered with an error: the frame is marked, the others are right."""
    await faulty(dut, "read", 1, AxiResp.SLVERR)


@cocotb.test
async def decode_error(dut):
    """The same where there is no memory."""
    await faulty(dut, "read", 0, AxiResp.DECERR)


@cocotb.test
async def write_error(dut):
    """A write is answered with an error: the frame is marked, the others are right."""
    await faulty(dut, "write", 2, AxiResp.SLVERR)


@cocotb.test
async def error_through_the_driver(dut):
    """The driver names the frame, and goes on with the next call."""
    bench = await Bench(dut).start()
    frames, expected = bench.frames(3)
    bench.ram.broken["read"] = (0x100, 0x107)

    def job(accelerator):
        try:
            accelerator.run(frames)
        except Exception as error:
            text = str(error)
        bench.ram.broken["read"] = None
        return text, accelerator.run(frames)

    text, report = await bench.drive(job)
    assert text.startswith("Frame 0: The bus answered a read with an error"), text
    assert np.array_equal(report.outputs, expected)
    bench.legal()


@cocotb.test
async def reset_in_mid_frame(dut):
    """A reset by register at any time loses nothing of what comes after it."""
    bench, expected = await prepared(dut, 4, stalls=0.3)
    await bench.write("control", 1)
    for _ in range(8):
        await bench.job("out", SINK, 3)
        await bench.job("in", SOURCE, 3)
        await ClockCycles(bench.clock, bench.random.randrange(10, 900))
        await bench.write("control", 0b101)

        async def over():
            return not (await bench.flags("status"))

        await bench.until(over)
        assert await bench.read("frames_in") == await bench.read("out_done") == 0
        assert await bench.read("in_queue") == await bench.read("out_queue") == 0
        bench.ram.write(SINK, bytes([EMPTY]) * 0x200)
        await bench.job("out", SINK, 1)
        await bench.job("in", SOURCE, 1)
        await bench.done(1)
        assert row(bench, 0) == expected[0]
    assert await bench.flags() == set()
    bench.legal()


@cocotb.test
async def unaligned(dut):
    """Frames of odd lengths across 4 KiB boundaries; nothing beside them is touched."""
    source, sink, stride = 0x1000 - 40, 0x8000 - 8, 0x1000 - 72
    bench, expected = await prepared(dut, 3, stalls=0.2, source=source, stride=stride)
    await bench.write("control", 1)
    await bench.job("out", sink, 3, stride=stride)
    await bench.job("in", source, 3, stride=stride)
    await bench.done(3)
    wanted = bytearray([EMPTY]) * 0x4000
    for k, frame in enumerate(expected):
        at = sink - 0x7000 + k * stride
        wanted[at : at + len(frame)] = frame
    assert bench.ram.read(0x7000, 0x4000) == bytes(wanted)
    assert bench.length("out") % 8 and bench.length("in") % 8
    bench.legal()


@cocotb.test
async def wrong_lengths(dut):
    """Frames that are too short or too long are named, and the next one is right."""
    bench, expected = await prepared(dut, 3)
    whole_in, whole_out = bench.length("in"), bench.length("out")
    await bench.write("control", 1)
    done = 0
    for side, length, flag in (
            ("in", whole_in - 9, "in_early"), ("in", 1, "in_early"),
            ("in", whole_in + 1, "in_late"), ("in", whole_in + 40, "in_late"),
            ("out", whole_out - 3, "out_late"), ("out", 1, "out_late"),
            ("out", whole_out + 1, "out_early"), ("out", whole_out + 27, "out_early")):
        bench.ram.write(SINK, bytes([EMPTY]) * 0x200)
        for which, address in (("out", SINK), ("in", SOURCE)):
            await bench.job(which, address, 1, length=length if which == side else None)
        done += 1
        await bench.done(done)
        written = length if side == "out" else whole_out
        assert bench.ram.read(SINK + written, 64) == bytes([EMPTY]) * 64, (side, length)
        if side == "out":
            size = min(length, whole_out)
            assert bench.ram.read(SINK, size) == expected[0][:size]
            rest = bench.ram.read(SINK + size, 64)
            assert rest == bytes([EMPTY]) * 64, (side, length)
        assert await bench.flags() == {flag}, (side, length)
        await bench.write("errors", 0xFFFFFFFF)
        await bench.job("out", SINK, 1)
        await bench.job("in", SOURCE, 1)
        done += 1
        await bench.done(done)
        assert row(bench, 0) == expected[0] and await bench.flags() == set(), (side, length)
    bench.legal()


@cocotb.test
async def queue(dut):
    """Jobs wait their turn; what finds no room is dropped and flagged."""
    bench, expected = await prepared(dut, 4)
    jobs = bench.map["jobs"]
    for k in range(jobs):
        await bench.job("out", SINK + 0x100 * k, 1)
        await bench.job("in", SOURCE + k % 4 * -(-bench.length("in") // 8) * 8, 1)
    assert await bench.read("in_queue") == await bench.read("out_queue") == jobs
    assert await bench.flags() == set()
    await bench.job("in", SOURCE, 1)
    assert await bench.flags() == {"in_dropped"}
    await bench.job("out", SINK, 1)
    assert await bench.flags() == {"in_dropped", "out_dropped"}
    await ClockCycles(bench.clock, 100)
    assert await bench.read("in_done") == 0  # not started
    await bench.write("control", 1)
    await bench.done(jobs)
    assert [row(bench, 0, SINK + 0x100 * k) for k in range(jobs)] == expected[:jobs]
    assert await bench.flags("irq_status") == {"in_done", "out_done", "error"}
    bench.legal()


@cocotb.test
async def continuous(dut):
    """The last job is repeated until it is stopped, which takes effect between frames."""
    bench, expected = await prepared(dut, 2, stalls=0.1)
    await bench.job("out", SINK, 2)
    await bench.job("in", SOURCE, 2)
    await bench.write("control", 0b11)
    await bench.done(7)
    await bench.write("control", 0)
    before = -1
    while before != (before := await bench.read("out_done")):
        await ClockCycles(bench.clock, 1000)
    assert [row(bench, k) for k in range(2)] == expected
    stopped = await bench.read("in_done")
    await bench.write("control", 0b11)
    await bench.done(stopped + 4)
    assert [row(bench, k) for k in range(2)] == expected
    bench.legal()


@cocotb.test
async def captured_layers(dut):
    """Every stream that can be looked at carries what the golden model says."""
    bench = await Bench(dut).start()
    frames, _ = bench.frames(1)
    carried = {stream.tensor for stream in bench.design.dataflow.streams.values()} - {None}

    def job(accelerator):
        assert set(accelerator.streams.values()) == carried
        _, result = compare(bench.design, accelerator, frames, layers=True)
        assert set(result["layers"]) == set(accelerator.streams)
        return result

    result = await bench.drive(job)
    assert result["mismatches"] == 0 and not any(result["layers"].values()), result
    bench.legal()


@cocotb.test
async def bus_reset(dut):
    """The chip's own reset in mid-frame."""
    bench, expected = await prepared(dut, 2)
    await bench.write("control", 1)
    await bench.job("out", SINK, 2)
    await bench.job("in", SOURCE, 2)
    await ClockCycles(bench.clock, 60)
    await bench.reset()
    await bench.write("control", 1)
    await bench.job("out", SINK, 2)
    await bench.job("in", SOURCE, 2)
    await bench.done(2)
    assert [row(bench, k) for k in range(2)] == expected
    bench.legal()


@cocotb.test
async def processor_bursts(dut):
    """A whole Zynq: bursts of the processor reach the registers word by word."""
    bench = await Bench(dut).start(stalls=0.2)
    at = bench.base + bench.offsets["in_address"]
    words = [0x1238, 0x4560, 0x789]
    await bench.lite.write(at, b"".join(word.to_bytes(4, "little") for word in words))
    got = (await bench.lite.read(at, 12)).data
    assert got == b"".join(word.to_bytes(4, "little") for word in words)
    bench.legal()


async def meek_memory(bench):
    """A memory that takes and answers everything, right or wrong, and keeps nothing."""
    dut, rng = bench.dut, bench.random
    reads, writes, answers = [], [], 0
    outputs = {name: getattr(dut, f"m_axi_{name}") for name in
               ("awready", "wready", "bvalid", "bresp", "bid", "arready", "rvalid", "rlast",
                "rdata", "rresp", "rid")}
    for signal in outputs.values():
        signal.value = 0
    while True:
        await RisingEdge(bench.clock)

        def moves(channel):
            return (getattr(dut, f"m_axi_{channel}valid").value == 1
                    and getattr(dut, f"m_axi_{channel}ready").value == 1)

        if moves("ar"):
            reads.append(int(dut.m_axi_arlen.value) + 1)
        if moves("aw"):
            writes.append(int(dut.m_axi_awlen.value) + 1)
        if moves("w") and writes:
            writes[0] -= 1
            if not writes[0]:
                writes.pop(0)
                answers += 1
        if moves("b"):
            outputs["bvalid"].value = 0
            answers -= 1
        elif answers and rng.random() < 0.5:
            outputs["bvalid"].value = 1
        if moves("r"):
            outputs["rvalid"].value = 0
            reads[0] -= 1
            if not reads[0]:
                reads.pop(0)
        elif reads and rng.random() < 0.5:
            outputs["rvalid"].value = 1
            outputs["rlast"].value = reads[0] == 1
        for name in ("awready", "arready", "wready"):
            outputs[name].value = rng.random() < 0.5


@cocotb.test
async def planted(dut):
    """A monitor says what a planted bug does, whatever comes of the frames."""
    bench = Bench(dut, memory=False)
    cocotb.start_soon(meek_memory(bench))
    await bench.start()
    await bench.write("control", 1)

    async def jobs():
        for _ in range(3):
            await bench.job("out", SINK, 4)
            await bench.job("in", 0x1000 - 128, 4)

    cocotb.start_soon(jobs())
    await ClockCycles(bench.clock, 2500)
    wanted = os.environ["QUANTLOOM_TEST_EXPECTED"]
    errors = [error for monitor in bench.monitors for error in monitor.errors]
    if wanted:
        assert any(wanted in error for error in errors), errors[:10]
    else:
        assert not errors and bench.monitors[0].beats["b"] > 4, errors[:10]
