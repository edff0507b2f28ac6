"""A block between a producer that keeps the rules of streams and checks of what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib.wiring import In

from quantloom.rtl_templates.block import BlockParams

from .bind import bound
from .contract import Source, allowances, silence, sources
from .harness import Harness, either, port

__all__ = ["CHECKS", "Checker"]

CHECKS = ("holds", "conserves", "drains", "moves", "capacity", "inside", "data")
"""What is checked of a block.

``holds``
    A beat that is offered stays, with its payload, until it is taken.
``conserves``
    No output beat is offered before the input beats that it depends on: counted frame by frame, the
    output never goes ahead. An input beat is there from when it is first offered, since it stays.
``drains``
    When nothing moves any more though outputs are taken, all output beats that the input allows
    have left: none is lost.
``moves``
    As long as input is offered and output taken, something moves.
``capacity``
    No more is under way than the counters of the checks can count.
``inside``
    The contracts of the parts within, see :mod:`.bind`.
``data``
    Each output element is the function of the input element that the reference says, in its frame
    and place.
"""

SPARE_FRAMES = 2
"""Frames that a block may hold, beside what is in its queue."""


class Checker(Harness):
    """Checks of a block; see :data:`CHECKS`.

    Parameters
    ----------
    params : BlockParams
    coloured : bool
        Inputs of one bit: the beat that is followed has one colour, all others the other one, and
        which is which is open. A block that only moves elements is right for all data if it is
        for these, and has far fewer states.
    """

    def __init__(self, params: BlockParams, *, coloured: bool = False):
        self.coloured = coloured
        self.allowances, self.silence = allowances(params), silence(params)
        self.sources = sources(params)
        picks = {}
        if self.sources is not None:
            picks = {f"{name}_{k}": In(width) for k, shape in enumerate(params.inputs)
                     for name, width in (("pick", range(max(2, shape.beats))), ("mark", 1),
                                         ("ink", 1))}
        assert not coloured or (self.sources and all(s.width == 1 for s in params.inputs))
        self.colours = [Signal(name=f"colour_{k}") for k in range(len(params.inputs))]
        super().__init__(params, CHECKS if self.sources else CHECKS[:-1], **picks)

    def wish(self, index: int) -> Value:
        return self.colours[index] if self.coloured else super().wish(index)

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m, started = self.base()
        dut = self.params.create()
        fragment, inside = bound(dut)
        m.submodules.dut = fragment
        offered, comes = self.drive(m, dut)
        ins = [port(dut, "i", k) for k in range(len(p.inputs))]
        outs = [port(dut, "o", k) for k in range(len(p.outputs))]
        taken = [i.valid & i.ready for i in ins]
        given = [o.valid & o.ready for o in outs]
        bad: dict[str, list[Value]] = {check: [] for check in self.checks}
        bad["inside"] = inside

        for k, o in enumerate(outs):
            stalled = Signal(name=f"stalled_{k}")
            before = Signal(p.outputs[k].width, name=f"before_{k}", reset_less=True)
            m.d.sync += [stalled.eq(o.valid & ~o.ready), before.eq(o.payload)]
            bad["holds"].append(stalled & (~o.valid | (before != o.payload.as_value())))

        at_in = [_place(m, f"in_{k}", s.beats, comes[k]) for k, s in enumerate(p.inputs)]
        at_out = [_place(m, f"out_{k}", s.beats, given[k]) for k, s in enumerate(p.outputs)]
        pending: list[list[Value]] = [[] for _ in outs]
        for (k, q), allowance in self.allowances.items():
            most = SPARE_FRAMES * p.outputs[q].beats + allowance.initial + self.silence
            most = (1 << most.bit_length()) - 1
            count = Signal(range(most + 1), name=f"allowed_{k}_{q}", init=allowance.initial)
            gain = Mux(comes[k], _look_up(allowance.gains, at_in[k]), 0)
            following = Signal(range(-1, 2 * most + 2), name=f"allowed_next_{k}_{q}")
            m.d.comb += following.eq(count + gain - given[q])
            m.d.sync += count.eq(following)
            bad["conserves"].append(outs[q].valid & (count == 0))
            bad["capacity"].append(following > most)
            pending[q].append(count != 0)

        # Nothing moves though all outputs are open; and though all inputs are offered.
        open_ = Cat(o.ready for o in outs).all() & ~Cat(*taken, *given).any()
        paused = self._for_long(m, "paused", open_ & ~Cat(comes).any())
        bad["drains"] += [paused & reduce(and_, flags) for flags in pending]
        bad["moves"].append(self._for_long(m, "stuck", open_ & Cat(offered).all()))

        if self.sources is not None:
            self._data(m, started, bad, (ins, comes, at_in), (outs, given, at_out))
        for check, values in bad.items():
            m.d.comb += getattr(self, f"bad_{check}").eq(started & either(values))
        return m

    def _for_long(self, m: Module, name: str, flag: Value) -> Value:
        """Whether a flag has been high for so many cycles that a block had time to move."""
        count = Signal(range(self.silence + 1), name=name)
        with m.If(~flag):
            m.d.sync += count.eq(0)
        with m.Elif(count != self.silence):
            m.d.sync += count.eq(count + 1)
        return count == self.silence

    def _data(self, m: Module, started, bad, inputs, outputs) -> None:
        """Follow one beat, any one, of each input to where its elements come out."""
        p = self.params
        assert self.sources is not None
        (ins, comes, at_in), (outs, given, at_out) = inputs, outputs
        for k, shape in enumerate(p.inputs):
            pick = Signal(range(max(2, shape.beats)), name=f"picked_{k}", reset_less=True)
            ink = Signal(name=f"inked_{k}", reset_less=True)
            with m.If(~started):
                m.d.sync += [pick.eq(getattr(self, f"pick_{k}")), ink.eq(getattr(self, f"ink_{k}"))]
            marked = Signal(name=f"marked_{k}")
            kept = Signal(shape.width, name=f"kept_{k}", reset_less=True)
            marks = Signal(name=f"marks_{k}")
            m.d.comb += marks.eq(comes[k] & ~marked & (at_in[k] == pick)
                                 & getattr(self, f"mark_{k}"))
            m.d.comb += self.colours[k].eq(ink ^ marks)
            with m.If(marks):
                m.d.sync += [marked.eq(1), kept.eq(ins[k].payload)]
            in_ends = comes[k] & (at_in[k] == shape.beats - 1)
            for q, target in enumerate(p.outputs):
                out_ends = given[q] & (at_out[q] == target.beats - 1)
                # Frames that the input is ahead; once a beat is marked, until its frame leaves.
                most = self.silence + SPARE_FRAMES
                ahead = Signal(range(-2, most + 1), name=f"ahead_{k}_{q}")
                wait = Signal.like(ahead, name=f"wait_{k}_{q}")
                m.d.sync += ahead.eq(ahead + in_ends - out_ends)
                bad["capacity"].append((ahead == most) | (ahead == -2))
                with m.If(marks):
                    m.d.sync += wait.eq(ahead - out_ends)
                with m.Elif(marked & out_ends & (wait >= 0)):
                    m.d.sync += wait.eq(wait - 1)
                watching = outs[q].valid & marked & (wait == 0)
                bad["data"] += [watching & flag for flag in self._differs(
                    self.sources[q], k, q, outs[q], at_out[q], pick, kept)]
        for q, target in enumerate(p.outputs):
            bad["data"] += [outs[q].valid & (at_out[q] == beat)
                            & (_code(outs[q], lane, target.type.bits) != source.table[0])
                            for beat, row in enumerate(self.sources[q])
                            for lane, source in enumerate(row) if source.port < 0]

    def _differs(self, rows: list[list[Source]], k: int, q: int, o, at: Value, pick: Value,
                 kept: Value) -> list[Value]:
        """Whether elements of an output beat come from the beat that was kept, and differ."""
        type_, other = self.params.inputs[k].type, self.params.outputs[q].type
        flags = []
        for beat, row in enumerate(rows):
            wrong = []
            for lane, source in enumerate(row):
                if source.port == k:
                    code = kept[source.lane * type_.bits : (source.lane + 1) * type_.bits]
                    wrong.append((pick == source.beat) & (
                        _code(o, lane, other.bits) != _look_up(source.table, code)))
            if wrong:
                flags.append((at == beat) & reduce(or_, wrong))
        return flags


def _code(o, lane: int, bits: int) -> Value:
    return o.payload.as_value()[lane * bits : (lane + 1) * bits]


def _place(m: Module, name: str, beats: int, step: Value) -> Signal:
    """Which beat of its frame is next."""
    count = Signal(range(max(2, beats)), name=f"place_{name}")
    with m.If(step):
        m.d.sync += count.eq(Mux(count == beats - 1, 0, count + 1))
    return count


def _look_up(values: Sequence[int], index: Value) -> Value:
    if len(set(values)) == 1:
        return Const(values[0], unsigned(max(1, max(values).bit_length())))
    if tuple(values) == tuple(range(len(values))) and len(values) == 1 << len(index):
        return index.as_unsigned()
    return Array(Const(v, unsigned(max(1, max(values).bit_length()))) for v in values)[index]
