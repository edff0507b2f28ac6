import gc

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.queue import CreditQueue, FifoParams, Queue
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
from .timing import check_schedule

DEPTHS = [1, 2, 3, 5, 8, 64, 65, 66, 200]
BYTE = IntType(8)


@pytest.mark.parametrize("type_", [BIPOLAR, BYTE, IntType(5, True)], ids=str)
@pytest.mark.parametrize("depth", DEPTHS)
def test_fifo_equals_reference(depth, type_):
    check_block(FifoParams(stream=StreamShape(type_, 3, 50), depth=depth), seed=depth,
                full_rate=depth > 1)


@pytest.mark.parametrize("depth", DEPTHS)
def test_fifo_schedule_is_exact(depth):
    check_schedule(FifoParams(stream=StreamShape(BYTE, 1, 70), depth=depth), seed=depth)


def run_queue(dut, cycles, *, offer, accept, seed=0):
    """Random walk: probabilities of offering and accepting in a cycle, by cycle.

    Checks order and depth in every cycle. Returns the beats that went in, the beats that came
    out and the levels, by cycle.
    """
    rng = np.random.default_rng(seed)
    history = []

    async def bench(ctx):
        model, sent = [], 0
        offered = int(rng.random() < offer(0))
        for cycle in range(cycles):
            ctx.set(dut.i.valid, offered)
            ctx.set(dut.i.payload, sent % 256)
            ctx.set(dut.o.ready, int(rng.random() < accept(cycle)))
            assert len(model) <= dut.depth
            put = ctx.get(dut.i.valid) and ctx.get(dut.i.ready)
            get = ctx.get(dut.o.valid) and ctx.get(dut.o.ready)
            if ctx.get(dut.o.valid):
                assert model and ctx.get(dut.o.payload) == model[0]
            if get:
                model.pop(0)
            if put:
                model.append(sent % 256)
                sent += 1
            history.append((put, get, len(model)))
            if put or not offered:  # an offer stands until it is taken
                offered = int(rng.random() < offer(cycle + 1))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return (np.array(column) for column in zip(*history, strict=True))


@pytest.mark.parametrize("depth", DEPTHS)
def test_queue_levels_under_random_traffic(depth):
    # Filling for a while, then draining, again and again.
    phase = depth + 20
    run_queue(Queue(8, depth), 8 * phase, seed=depth,
              offer=lambda cycle: 0.9 if cycle // phase % 2 == 0 else 0.3,
              accept=lambda cycle: 0.3 if cycle // phase % 2 == 0 else 0.9)


@pytest.mark.parametrize("depth", DEPTHS)
def test_queue_holds_its_depth(depth):
    _, _, levels = run_queue(Queue(8, depth), depth + 10, offer=lambda _: 1, accept=lambda _: 0)
    assert levels.max() == levels[-1] == depth


def test_register_moves_a_beat_every_other_cycle():
    put, get, _ = run_queue(Queue(8, 1), 50, offer=lambda _: 1, accept=lambda _: 1)
    assert (put == ([1, 0] * 25)).all() and (get == ([0, 1] * 25)).all()


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_queue_moves_a_beat_a_cycle_empty_or_full(depth):
    latency = 1 if depth <= 64 else 2
    put, get, _ = run_queue(Queue(8, depth), 50, offer=lambda _: 1, accept=lambda _: 1)
    assert put.all() and not get[:latency].any() and get[latency:].all()
    _, get, _ = run_queue(Queue(8, depth), depth + 60, offer=lambda _: 1,
                          accept=lambda cycle: cycle >= depth + 10)
    assert get[depth + 10 :].all()


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_illegal_depths_and_latencies():
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        FifoParams(stream=StreamShape(BYTE, 1, 1), depth=0)
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        Queue(8, 0)
    with pytest.raises(ValueError, match="depth must not be negative, not -1"):
        CreditQueue(8, 1, -1)
    with pytest.raises(ValueError, match="Latency must not be negative, not -1"):
        CreditQueue(8, -1)
    gc.collect()  # Amaranth warns when a component dies unused: here, not in a later test


class Delayed(wiring.Component):
    """A pipeline of some registers in front of a credit queue."""

    def __init__(self, latency, depth=None):
        self.latency, self.depth = latency, depth
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = CreditQueue(8, self.latency, self.depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += [
            self.i.ready.eq(queue.credit),
            queue.take.eq(self.i.valid & queue.credit),
        ]
        valid, payload = queue.take, self.i.payload
        for k in range(self.latency):
            later = Signal(name=f"valid_{k}"), Signal(8, name=f"payload_{k}")
            m.d.sync += [later[0].eq(valid), later[1].eq(payload)]
            valid, payload = later
        m.d.comb += [queue.valid.eq(valid), queue.payload.eq(payload)]
        return m


@pytest.mark.parametrize("stalls", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("latency, depth", [
    *((latency, None) for latency in (0, 1, 2, 7, 61, 62, 90)),
    (0, 1), (1, 1), (1, 2), (7, 1), (7, 2), (7, 5), (7, 9), (70, 3), (2, 20),
])  # fmt: skip
def test_credit_queue_loses_nothing_and_never_pauses(latency, depth, stalls):
    dut, rng, got = Delayed(latency, depth), np.random.default_rng(latency), []
    cycles = 300

    async def bench(ctx):
        sent, accepted = 0, 1
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o.ready, 1)
        async for _, _, taken, valid, payload in ctx.tick().sample(
            dut.i.ready, dut.o.valid, dut.o.payload
        ):
            if valid and accepted:
                got.append(payload)
            sent += taken
            accepted = int(rng.random() >= stalls)
            ctx.set(dut.i.payload, sent % 256)
            ctx.set(dut.o.ready, accepted)
            nonlocal cycles
            cycles -= 1
            if not cycles:
                return

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert got == [k % 256 for k in range(len(got))]
    if not stalls:
        first = latency + (1 if dut.depth is not None or latency + 3 <= 64 else 2)
        # Places are free again in the cycle after their beat is taken.
        rounds, rest = divmod(300 - first, latency + 2)
        each = latency + 2 if depth is None else min(depth, latency + 2)
        assert len(got) == rounds * each + min(rest, each)
