"""A new operation with a block of its own: the absolute value.

``docs/adding_a_block.md`` goes through it. Run ``python absolute.py --out DIR``: it builds a small
network with the operation in the middle, writes its Verilog into ``DIR`` and proves it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal

from quantloom.gen.dataflow.fold import fold
from quantloom.gen.dataflow.plan import plan
from quantloom.gen.dataflow.plan_map import LanePlan
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.network import Conv2d, Dense, Network, Op, Tensor
from quantloom.rtl_templates.block import BlockComponent
from quantloom.rtl_templates.elementwise import ElementwiseParams
from quantloom.rtl_templates.path import Path as TimingPath
from quantloom.rtl_templates.pipeline import decode, issue
from quantloom.rtl_templates.queue import credit_paths, credit_resources
from quantloom.rtl_templates.resources import Resources
from quantloom.rtl_templates.types import IntType
from quantloom.sim.golden import compute
from quantloom.sim.report import Report
from quantloom.sim.simulate import simulate

__all__ = ["Abs", "Absolute", "AbsoluteParams", "AbsolutePlan", "example", "prove"]


# The operation: what the network computes.
@dataclass(frozen=True, eq=False, kw_only=True)
class Abs(Op):
    """``max(x, -x)``."""

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        ends = (abs(x.lo), abs(x.hi))
        type_ = IntType.for_range(0, max(-x.type.lo, x.type.hi))  # blocks know types, not ranges
        return Tensor(x.shape, type_, 0 if x.lo <= 0 <= x.hi else min(ends), max(ends))


@compute.register
def _(op: Abs, x: np.ndarray) -> np.ndarray:
    return np.abs(x.astype(np.int64))


# The block: how hardware computes it.
@dataclass(frozen=True, kw_only=True)
class AbsoluteParams(ElementwiseParams):
    """``max(x, -x)``, element by element.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold the absolute value of every input.
    lanes, channels, positions_per_frame, depth
        See :class:`~quantloom.rtl_templates.elementwise.ElementwiseParams`.

    Raises
    ------
    ValueError
        If the output type is too narrow, or the lanes are not legal.
    """

    kind = "absolute"

    def __post_init__(self) -> None:
        super().__post_init__()
        most = max(-self.input_type.lo, self.input_type.hi)
        if self.output_type.bipolar or not self.output_type.contains(np.array([most])):
            raise ValueError(f"output_type must hold 0 to {most}, not {self.output_type}")

    @property
    def pipeline(self) -> int:
        """One register."""
        return 1

    @property
    def resources(self) -> Resources:
        bits = self.output_type.bits
        lane = Resources(ff=bits, lut=2 * bits)  # the carry chain of -x, and the choice
        return (lane * self.lanes + Resources(lut=1, ff=1)
                + credit_resources(bits * self.lanes, self.pipeline, self.depth))

    @property
    def paths(self) -> tuple[TimingPath, ...]:
        bits = self.output_type.bits
        return (TimingPath(what="negation", luts=1, carry=bits, fanout=bits),
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.abs(np.asarray(beats[0], dtype=np.int64)),)

    def create(self) -> Absolute:
        return Absolute(self)


class Absolute(BlockComponent[AbsoluteParams]):
    """Absolute value; one beat a cycle, latency 2 cycles.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
        results = []
        for lane in range(p.lanes):
            value = decode(self.i.payload[lane], p.input_type)
            result = Signal(p.output_type.bits, name=f"result_{lane}", reset_less=True)
            m.d.sync += result.eq(Mux(value < 0, -value, value))
            results.append(result)
        m.d.comb += queue.payload.eq(Cat(results))
        return m


# The plan: which blocks an operation becomes, and how they may be folded.
class AbsolutePlan(LanePlan):
    """One block with a number of lanes to choose."""

    def params(self, lanes: int) -> AbsoluteParams:
        (x,) = self.inputs
        return AbsoluteParams(
            input_type=x.type, output_type=self.output.type, lanes=lanes, channels=x.shape[2],
            positions_per_frame=x.size // x.shape[2])


@plan.register
def _(op: Abs, network: Network) -> AbsolutePlan:
    return AbsolutePlan(network, op)


def example(seed: int = 0) -> Network:
    """Convolution, absolute value, dense layer; 6 x 6 pixels of three channels."""
    rng = np.random.default_rng(seed)
    int4 = IntType(4, signed=True)
    return Network("example", Tensor.full((6, 6, 3), IntType(3)), [
        Conv2d(name="conv", inputs=("input",), weights=rng.integers(-8, 8, (3, 3, 3, 4)),
               weight_type=int4),
        Abs(name="size", inputs=("conv",)),
        Dense(name="fc", inputs=("size",), weights=rng.integers(-8, 8, (64, 5)),
              weight_type=int4),
    ])  # fmt: skip


def prove(network: Network, out: Path, *, cycles: int = 400, seed: int = 0, frames: int = 4,
          engine: str = "verilator") -> Report:
    """Write the Verilog of a network and compare every stream in it with the golden model."""
    design = Design(network, fold(network, cycles))
    verilog = out / f"{network.name}.v"
    verilog.write_text(to_verilog(design.dataflow))
    x = network.input
    values = np.random.default_rng(seed).integers(x.lo, x.hi + 1, (frames, *x.shape))
    return simulate(design.dataflow, verilog, values, engine=engine, stress=True, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Prove a network with the new block.")
    parser.add_argument("--out", type=Path, default=Path("."), help="directory for the Verilog")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    report = prove(example(), folder)
    print("equal" if report.ok else f"not equal: {report.first_mismatch}",
          f"{report.frames} frames, {len(report.layers_checked)} layers", sep=": ")
    raise SystemExit(0 if report.ok else 1)
