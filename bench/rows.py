"""What is measured: one function a group of rows."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.estimate.timing import delays
from quantloom.rtl_templates.bit_heap import DSP_ROWS
from quantloom.rtl_templates.types import BIPOLAR, IntType

from . import clock_fit, designs
from .area import Area, area, breakdown
from .clock_designs import HELD_OUT, LARGE
from .generated import (
    Generated,
    compile_seconds,
    generate,
    simulate_generated,
    wafer_frames,
    wafer_model,
    work,
)
from .table import Row, group
from .timing import clock_of

__all__: list[str] = []

WAFER_CYCLES = 50_176
"""A pixel a cycle."""

WAFER_FRAMES = 5

LEVELS = 4
"""LUTs between registers at most, beside one carry chain."""

_FINN = "FINN blog 2021-09-17, Vivado, {}"
_NNAWAQ = "NNawaQ, XC7Z010, Vivado (Pinzari et al., table 4.5)"
_CNV = "FINN PR 209, XC7Z020, Vivado, without shell"


def _per_lane(name: str, verilog: str, top: str, lanes: int, *, target: float | None, peer: float,
              source: str) -> Iterator[Row]:
    found = area(verilog, top)
    note = (f"{found.sites:,} sites ({found.lut_sites:,} LUT, {found.carry_sites:,} carry, "
            f"{found.memory_sites:,} memory), {found.ff:,} FF, {found.carry4:,} CARRY4, "
            f"{found.bram36:g} BRAM36, {found.dsp} DSP; stat's LC estimate {found.lc_estimate:,}; "
            f"depth {found.depth}")
    yield Row(name=name, measured=found.sites / lanes, unit="sites a lane", target=target,
              peer=peer, source=source, note=note, details=found.to_json())


def _neuron(bits: str, operand: IntType, weight: IntType, slots: int, *, target: float,
            peer: float, source: str, **arithmetic: Any) -> Iterator[Row]:
    flow = designs.neuron(operand, weight, slots=slots, **arithmetic)
    how = "".join(f", {key} {value}" for key, value in arithmetic.items() if value != "lut")
    yield from _per_lane(f"neuron block, {bits}, 32x32, {slots} slots{how}", to_verilog(flow),
                         "mac_neuron", 1024, target=target, peer=peer,
                         source=_FINN.format(source))


@group
def neuron_1x4() -> Iterator[Row]:
    """Binary weights, 4-bit activations: as many time slots as LUTs can tell apart, and more."""
    for slots in (8, 16, 36):
        yield from _neuron("1-bit weights x 4-bit activations", designs.UNSIGNED_4, BIPOLAR, slots,
                           target=5.0, peer=11.4, source="HLS 11.4, RTL 12.8", memory="lut")
    for rows in DSP_ROWS[1:]:
        yield from _neuron("1-bit weights x 4-bit activations", designs.UNSIGNED_4, BIPOLAR, 8,
                           target=5.0, peer=11.4, source="HLS 11.4, RTL 12.8", memory="lut",
                           dsp_rows=rows)


@group
def neuron_1x1() -> Iterator[Row]:
    """Binary weights, binary activations."""
    for slots in (8, 36):
        yield from _neuron("1 x 1 bit", BIPOLAR, BIPOLAR, slots, target=1.8, peer=2.1,
                           source="HLS 2.9, RTL 2.1", memory="lut")


@group
def neuron_4x4() -> Iterator[Row]:
    """4-bit weights and activations, in LUTs alone and with multipliers."""
    for multiplier in ("lut", "dsp"):
        rows = _neuron("4 x 4 bits", designs.UNSIGNED_4, designs.SIGNED_4, 8, target=18, peer=27,
                       source="HLS 29, RTL 27", memory="lut", multiplier=multiplier)
        for row in rows:
            yield row
            if multiplier == "dsp":
                yield Row(name="the same, lanes a DSP", measured=1024 / row.details["dsp"],
                          target=4, at_least=True, unit="lanes")


@group
def window_3x3() -> Iterator[Row]:
    """Sliding window alone."""
    found = area(to_verilog(designs.window()), "mac_window")
    note = (f"{found.memory_sites:,} of them memory, {found.bram36:g} BRAM36, {found.ff:,} FF, "
            f"depth {found.depth}")
    yield Row(name="sliding window 3x3, 32 channels x 4 bits, 54 wide", measured=found.sites,
              unit="sites", peer=300, source="FINN's estimate", note=note, details=found.to_json())


def _wafer() -> Generated:
    return generate(wafer_model(), "wafer", "--cycles", str(WAFER_CYCLES), "--part", "xc7z010",
                    "--clock", "150")


@group
def wafer_speed() -> Iterator[Row]:
    """Cycles, latency and exactness of the wafer network, simulated."""
    built = _wafer()
    frames = wafer_frames(built, WAFER_FRAMES)
    flat = simulate_generated(built, frames).report
    stress = simulate_generated(built, frames, stress=True).report
    exact = f"flat out {_verdict(flat)}, under stress {_verdict(stress)}"
    cycles = flat.interval_cycles
    note = f"{WAFER_FRAMES} frames, every stream: {exact}"
    if cycles:
        note += f"; {150e6 / cycles:,.0f} images/s at 150 MHz"
    yield Row(name="wafer network, steady-state cycles a frame", measured=cycles, unit="cycles",
              target=50_200, peer=842_700, source=_NNAWAQ, note=note,
              details={"flat": flat.to_json(), "stress": stress.to_json()})
    yield Row(name="wafer network, wrong or missing frames", target=0, measured=float(
        (not flat.ok) + (not stress.ok)), note="runs that differ from the golden model")
    latency = flat.latency_cycles
    yield Row(name="wafer network, latency", unit="frame intervals", target=1.3, peer=4.6,
              measured=latency / cycles if latency and cycles else None, source=_NNAWAQ,
              note=f"{latency:,} cycles" if latency else "")


def _verdict(report: Any) -> str:
    return "equal" if report.ok else f"{report.mismatches:,} beats differ"


def _whole(name: str, built: Generated, limits: tuple[float | None, ...],
           peers: tuple[float | None, ...], source: str) -> Iterator[Row]:
    """Area of a whole network, and of each of its blocks."""
    text, top = built.verilog.read_text(), built.design.network.name
    found = area(text, top)
    blocks = breakdown(text, top)
    details = {"blocks": {block: part.to_json() for block, part in blocks.items()},
               **found.to_json()}
    largest = sorted(blocks.items(), key=lambda item: -item[1].sites)[:4]
    note = (f"{found.lut_sites:,} LUT, {found.carry_sites:,} carry, {found.memory_sites:,} memory; "
            f"{found.carry4:,} CARRY4; stat's LC estimate {found.lc_estimate:,}; largest: "
            + ", ".join(f"{block} {part.sites:,}" for block, part in largest))
    for what, value, limit, peer in zip(
            ("LUT sites", "FF", "BRAM36", "DSP"),
            (found.sites, found.ff, found.bram36, found.dsp), limits, peers, strict=True):
        first = what == "LUT sites"
        yield Row(name=f"{name}, {what}", measured=value, target=limit, peer=peer,
                  source=source if peer is not None else "", note=note if first else "",
                  details=details if first else {})
    yield _deepest(name, blocks)


def _deepest(name: str, blocks: dict[str, Area]) -> Row:
    """The blocks' logic levels, each block alone."""
    rated = {block: part.levels for block, part in blocks.items()}
    worst = max(rated, key=lambda block: rated[block])
    over = [f"{block} {blocks[block].depth}" for block in rated if rated[block] > LEVELS]
    return Row(name=f"{name}, LUT levels beside one carry chain", measured=rated[worst],
               target=LEVELS, note="over it: " + "; ".join(over) if over else "",
               details={block: part.depth for block, part in blocks.items()})


@group
def wafer_area() -> Iterator[Row]:
    """Area of the wafer network at a pixel a cycle."""
    yield from _whole("wafer network at 50,176 cycles", _wafer(), (12_500, 20_000, 60, 80),
                      (13_860, 11_796, 60, 37), f"{_NNAWAQ}, at 1/17 of the rate")


def _fastest(name: str, model: Path, part: str, clock: float, target: float | None,
             peer: float | None, source: str) -> Iterator[Row]:
    built = generate(model, name, "--max", "--part", part, "--clock", f"{clock:g}")
    found = area(built.verilog.read_text(), built.design.network.name)
    cycles = built.design.dataflow.interval
    note = (f"{cycles:,} cycles a frame; {found.sites:,} sites, {found.ff:,} FF, "
            f"{found.bram36:g} BRAM36, {found.dsp} DSP after synthesis")
    yield Row(name=f"{name} --max on {part}, {clock:g} MHz", measured=clock * 1e6 / cycles,
              unit="images/s", target=target, at_least=True, peer=peer, source=source, note=note,
              details=found.to_json())


@group
def wafer_max() -> Iterator[Row]:
    """Fastest wafer network on its part."""
    yield from _fastest("wafer", wafer_model(), "xc7z010", 150, 150e6 / 25_088, 178, _NNAWAQ)


@group
def cnv_area() -> Iterator[Row]:
    """Area of CNV-w1a1."""
    built = generate(designs.shared_model("bnnpynq_cnvw1a1_cifar10"), "cnv", "--cycles", "32768",
                     "--part", "xc7z020")
    yield from _whole(f"CNV-w1a1 at {built.design.dataflow.interval:,} cycles", built,
                      (15_000, None, 98, None), (21_135, 31_517, 102.5, None), _CNV)


@group
def cnv_max() -> Iterator[Row]:
    """Fastest CNV-w1a1."""
    yield from _fastest("cnv", designs.shared_model("bnnpynq_cnvw1a1_cifar10"), "xc7z020", 100,
                        None, 3052, "FINN, bound by cycles (BNN-PYNQ README)")


@group
def kws_max() -> Iterator[Row]:
    """Fastest keyword spotter."""
    yield from _fastest("kws", designs.shared_model("kws_mlp_w3a3"), "xc7z020", 100, None, 57_268,
                        "FINN on a Pynq-Z2 (MLPerf Tiny v0.7)")


def _clock_row(name: str, verilog: str, top: str) -> Row:
    found = clock_of(verilog, top)
    cells = ", ".join(f"{used:,} {kind}" for kind, used in found.cells.items()
                      if kind in ("TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "MULT18X18D"))
    return Row(name=f"ECP5-85F, {name}", measured=found.mhz, unit="MHz", target=150,
               at_least=True, note=f"best of {len(found.placements)} placements: "
               f"{', '.join(f'{mhz:g}' for mhz in found.placements)}; {cells}; slowest path "
               f"{found.path}",
               details={"cells": dict(found.cells)})


@group
def clock_neuron() -> Iterator[Row]:
    """Clock of a neuron block. A quarter of the lanes: the 32x32 block has the same logic."""
    flow = designs.neuron(designs.UNSIGNED_4, BIPOLAR, pe=16, simd=16)
    yield _clock_row("neuron block 1 x 4 bits, 16x16", to_verilog(flow), "mac_neuron")


@group
def clock_demo() -> Iterator[Row]:
    """Clock of the whole demo network."""
    built = generate(Path(str(files("quantloom.gen") / "assets" / "digits.onnx")), "digits")
    yield _clock_row("demo network", built.verilog.read_text(), "digits")


@group
def clock_estimates() -> Iterator[Row]:
    """Clocks estimated before synthesis, against placed designs that nothing was fitted to."""
    known, close, lines = delays("ecp5"), 0, []
    for subject in (*HELD_OUT, *LARGE):
        try:
            measured = clock_fit.measure(
                subject, clock_fit.FIT_SEEDS if subject in LARGE else clock_fit.SEEDS)
        except designs.SharedModelMissing as missing:
            yield Row(name=f"clock estimate, {subject.name}", note=f"not measured: {missing}")
            continue
        line = clock_fit.error_of(measured, known)
        lines.append(line)
        close += abs(line["error"]) <= clock_fit.CLOSE
        yield Row(name=f"clock estimate, {subject.name}", measured=100 * abs(line["error"]),
                  unit="% off", target=100 * clock_fit.CLOSE, details=line,
                  note=f"estimate {line['estimate_mhz']:g} MHz; placed {line['median_mhz']:g} MHz, "
                  f"median of {len(measured.mhz)} placements from {min(measured.mhz):g} to "
                  f"{max(measured.mhz):g}; limited by {line['block']}: {line['path']}")
    errors = [abs(line["error"]) for line in lines]
    scatter = [max(line["placed_mhz"]) / min(line["placed_mhz"]) - 1 for line in lines
               if len(line["placed_mhz"]) > 1]
    yield Row(name=f"designs whose clock is estimated within {clock_fit.CLOSE:.0%}",
              measured=close, unit=f"of {len(lines)}", target=20, at_least=True,
              note=f"median error {median(errors):.1%}, worst {max(errors):.1%}; the placements of "
              f"a design lie apart by {median(scatter):.1%} in the median, {max(scatter):.1%} at "
              "most")


@group
def wafer_generate() -> Iterator[Row]:
    """Time and memory of the generator."""
    built = _wafer()
    yield Row(name="generate the wafer network", measured=built.seconds, unit="s", target=60,
              note=f"{built.cpu_seconds:.0f} s of processor time; load {os.getloadavg()[0]:.1f} "
              f"on {os.cpu_count()} processors")
    yield Row(name="the same, memory", measured=built.peak_bytes / 1e9, unit="GB", target=3)
    times = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "quantloom", "estimate", str(built.directory)],
                       check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - start)
    yield Row(name="estimate the wafer network", measured=min(times), unit="s", target=3,
              note=f"the best of three, the worst {max(times):.2f} s; the whole command, its "
              "folding at hand")


@group
def wafer_simulation() -> Iterator[Row]:
    """Speed of the simulation."""
    built = _wafer()
    seconds = compile_seconds(built)
    found = simulate_generated(built, wafer_frames(built, 40))
    yield Row(name="wafer network, Verilator", measured=found.cycles_per_second, unit="cycles/s",
              target=300_000, at_least=True,
              note="every stream compared; "
              + (f"{found.cycles_per_second / found.report.interval_cycles:.1f} frames/s"
                 if found.report.interval_cycles else "stuck"))
    yield Row(name="wafer network, compilation for Verilator", measured=seconds, unit="s",
              target=90)


@group
def growth() -> Iterator[Row]:
    """Cost of networks of more and more equal layers."""
    times: dict[int, float] = {}
    speeds: dict[int, float] = {}
    for layers in (5, 10, 20, 40):
        network = designs.chain(layers)
        design = Design(network, designs.folded(network, 9216))
        folder = work() / f"{network.name}-source"
        folder.mkdir(exist_ok=True)
        design.save(folder)
        built = generate(folder, network.name)
        rng = np.random.default_rng(layers)
        frames = rng.integers(0, 16, (max(4, 200 // layers), *network.input.shape))
        times[layers] = built.cpu_seconds
        speeds[layers] = simulate_generated(built, frames).cycles_per_second
    for what, numbers, unit in (("generate time (processor)", times, "s"),
                                ("simulated cycles/s", speeds, "cycles/s")):
        exponent = math.log(numbers[40] / numbers[10]) / math.log(4)
        listed = ", ".join(f"{n}: {value:,.3g} {unit}" if unit == "s" else f"{n}: {value:,.0f}"
                           for n, value in numbers.items())
        yield Row(name=f"growth of {what}, exponent from 10 to 40 layers",
                  measured=exponent if unit == "s" else -exponent, target=1.15,
                  note=f"layers: {listed}", details={str(n): v for n, v in numbers.items()})
