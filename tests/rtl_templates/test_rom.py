import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from bench.area import area
from quantloom.gen.yosys import run_yosys
from quantloom.rtl_templates.resources import Resources, rom_sites
from quantloom.rtl_templates.rom import Tile, plan_rom, read_rom, rom_latency, rom_resources

RAMB18 = {(1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512)}
RAMB36 = {(1, 32768), (2, 16384), (4, 8192), (9, 4096), (18, 2048), (36, 1024), (72, 512)}


def contents(width, depth):
    rng = np.random.default_rng([width, depth])
    return [int.from_bytes(rng.bytes(-(-width // 8)), "little") & ((1 << width) - 1)
            for _ in range(depth)]


class Roms(wiring.Component):
    """Tables side by side."""

    def __init__(self, shapes, memory):
        self.shapes, self.memory = shapes, memory
        super().__init__({
            **{f"address_{k}": In(range(max(2, d))) for k, (_, d) in enumerate(shapes)},
            **{f"word_{k}": Out(w) for k, (w, _) in enumerate(shapes)},
        })

    def elaborate(self, platform):
        m = Module()
        for k, (width, depth) in enumerate(self.shapes):
            word = read_rom(m, f"rom_{k}", contents(width, depth), getattr(self, f"address_{k}"),
                            width, self.memory)
            m.d.comb += getattr(self, f"word_{k}").eq(word)
        return m


@lru_cache
def measured(shapes, memory):
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        text = rtlil.convert(Roms(shapes, memory), name="roms", emit_src=False)
        (directory / "roms.il").write_text(text)
        run_yosys(["read_rtlil roms.il", "proc", "memory_collect", "flatten",
                   "write_verilog -noattr roms_plain.v", "write_verilog roms.v"],
                  directory=directory)
        return area((directory / "roms.v").read_text(), "roms")


@pytest.mark.parametrize("memory, width, depth", [
    *(("lut", w, d) for w, d in [(7, 16), (3, 33), (9, 64), (6, 65), (4, 232), (3, 700)]),
    *(("block", w, d) for w, d in [(9, 2048), (5, 100), (16, 2500), (40, 600), (10, 3000),
                                   (7, 5000), (3, 9000), (12, 4200), (75, 700)]),
])  # fmt: skip
def test_gives_every_word(memory, width, depth):
    words, latency = contents(width, depth), rom_latency(width, depth, memory)
    dut = Roms([(width, depth)], memory)
    got = []

    async def bench(ctx):
        order = np.random.default_rng(depth).permutation(depth)
        for step in range(depth + latency):
            if step >= latency:
                got.append((int(order[step - latency]), ctx.get(dut.word_0)))
            ctx.set(dut.address_0, int(order[min(step, depth - 1)]))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(got) == depth
    assert got == [(address, words[address]) for address, _ in got]


def test_every_primitive_is_one_tile_in_its_own_shape():
    for count, shapes in ((1, RAMB18), (2, RAMB36)):
        for width, depth in shapes:
            assert plan_rom(width, depth).tiles == (Tile(0, 0, width, depth, count),)


@pytest.mark.parametrize("shape", [(28, 47096), (16, 82418), (144, 841), (57, 1044), (3, 1500),
                                   (300, 520), (11, 513)])
def test_tiles_cover_every_bit_once(shape):
    plan = plan_rom(*shape)
    covered = np.zeros((plan.rows, plan.packed * plan.width), int)
    for tile in plan.tiles:
        covered[tile.row : tile.row + tile.rows, tile.bit : tile.bit + tile.bits] += 1
        legal = {0: {(tile.bits, 512)}, 1: RAMB18, 2: RAMB36}[tile.bram18]
        assert any(tile.bits <= w and tile.rows <= d for w, d in legal)
        assert tile.row % (1 << (tile.rows - 1).bit_length()) == 0
    assert (covered == 1).all()


@pytest.mark.parametrize("shape, bram18", [
    ((28, 47096), 72),  # 1,318,688 bits: 71.5 with not a bit left over
    ((144, 841), 8), ((9, 6144), 3), ((10, 4096), 3), ((16, 2048), 2), ((4, 24576), 6),
])  # fmt: skip
def test_fewest_block_rams(shape, bram18):
    assert plan_rom(*shape).bram18 == bram18


SYNTHESISED = ((9, 2048), (36, 512), (2, 8192), (72, 512), (18, 1500), (20, 1100), (10, 3000),
               (7, 4600), (12, 600))


def test_synthesis_uses_what_the_plan_says():
    found = measured(SYNTHESISED, "block")
    want = Resources()
    for width, depth in SYNTHESISED:
        want += rom_resources(width, depth, "block")
    assert found.bram36 * 2 == want.bram18
    assert found.sites == pytest.approx(want.lut, rel=0.15)
    assert found.ff == pytest.approx(want.ff, rel=0.15)
    assert found.levels <= 3


@pytest.mark.parametrize("width, depth", [(24, 16), (24, 32), (24, 64), (24, 232)])
def test_lut_tables_take_a_lut6_for_64_words(width, depth):
    found = measured(((width, depth),), "lut")
    assert found.sites == pytest.approx(rom_sites(width, depth), rel=0.1)
    assert found.levels == 1 and found.bram36 == 0


def test_latency():
    assert rom_latency(20, 500, "lut") == 1
    assert rom_latency(36, 512, "block") == rom_latency(28, 47096, "block") == 2
    assert rom_latency(28, 1, "block") == 1


class Constant(wiring.Component):
    word: Out(3)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.word.eq(read_rom(m, "rom", [5, 5, 5], Signal(2), 3))
        return m


def test_equal_words_are_a_constant():
    assert "cell" not in rtlil.convert(Constant(), emit_src=False)


@pytest.mark.parametrize("call, text", [
    (lambda: rom_resources(4, 4, "dram"), "memory must be one of lut, block, not 'dram'"),
    (lambda: rom_latency(0, 4, "lut"), "width must be at least 1, not 0"),
    (lambda: plan_rom(4, 0), "depth must be at least 1, not 0"),
])  # fmt: skip
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
