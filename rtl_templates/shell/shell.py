"""The shell: registers and DMA around an accelerator, behind AXI4-Lite and AXI4."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetInserter, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..top import tdata_width
from .axi import INCREMENTING, axi_signature, lite_signature
from .capture import Capture
from .counters import FrameCounters, HighWater
from .jobs import JobQueue
from .params import BUS_BYTES, ERRORS, INTERRUPTS, ShellParams, beat_bytes, register_map
from .reader import Reader
from .register_file import RegisterFile
from .words import Framer, Gearbox
from .writer import Writer

__all__ = ["Shell"]

CLEAR_CYCLES = 8
"""Cycles that the accelerator is held in reset."""

NORMAL_MEMORY = 0b0011
"""AxCACHE of memory that is not cached."""


class Shell(wiring.Component):
    """Registers, DMA, counters and taps around an accelerator.

    The accelerator is a module of its own, instantiated by name. All of it runs at one clock.
    Bursts under way survive everything but the domain's reset: a reset by register waits for
    them, and an error that the bus answers with marks the frame and stops nothing, so later
    frames are not touched.

    Parameters
    ----------
    params : ShellParams

    Members
    -------
    s_axi : In(AXI4-Lite)
        The registers of :func:`.params.register_map`.
    m_axi : Out(AXI4)
        Bursts of at most 16 beats, one ID, legal on AXI3 as well.
    interrupt : Out(1)
        Level.
    """

    def __init__(self, params: ShellParams):
        self.params = params
        self.registers = register_map(params)
        super().__init__({
            "s_axi": In(lite_signature(self.registers.address_bits)),
            "m_axi": Out(axi_signature(8 * BUS_BYTES)),
            "interrupt": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        clear = Signal()
        cleared = ResetInserter(clear)

        def add(name: str, part: wiring.Component) -> Any:
            """A part that a reset by register clears."""
            m.submodules[name] = cleared(part)
            return part

        m.submodules.registers = regs = RegisterFile(self.registers)
        wiring.connect(m, wiring.flipped(self.s_axi), regs.bus)
        reader, writer = add("reader", Reader(p.outstanding)), add("writer", Writer(p.outstanding))
        in_jobs, out_jobs = add("in_jobs", JobQueue(p.jobs)), add("out_jobs", JobQueue(p.jobs))
        self._jobs(m, regs, "in", in_jobs, reader)
        self._jobs(m, regs, "out", out_jobs, writer)
        self._bus(m, reader, writer)
        self._reset(m, regs, reader, writer, clear)

        counters = add("counters", FrameCounters())
        capture = add("capture", Capture(p.streams, p.capture))
        marks = add("marks", HighWater(p.fifos))
        early, late = self._core(m, add, reader, writer, counters, capture, marks, clear)

        m.d.comb += [
            counters.sample.eq(regs.cycles_low_read),
            regs.frames_in_value.eq(counters.frames_in),
            regs.frames_out_value.eq(counters.frames_out),
            regs.cycles_low_value.eq(counters.cycles),
            regs.cycles_high_value.eq(counters.cycles_high),
            regs.latency_value.eq(counters.latency),
            regs.interval_value.eq(counters.interval),
            marks.index.eq(regs.fifo_index_value),
            regs.fifo_mark_value.eq(marks.mark),
            capture.stream.eq(regs.capture_select_stream),
            capture.word.eq(regs.capture_select_word),
            capture.skip.eq(regs.capture_skip_value),
            capture.arm.eq(regs.capture_control_arm),
            regs.capture_count_value.eq(capture.count),
            capture.index.eq(regs.capture_index_value),
            regs.capture_data_value.eq(capture.data),
        ]
        for name, engine in (("read", reader), ("write", writer)):
            flag = getattr(regs, f"errors_{name}_response_flag")
            side = "in" if name == "read" else "out"
            with m.If(engine.error & ~flag):
                m.d.sync += getattr(regs, f"{name}_error_frame_value").eq(
                    getattr(regs, f"{side}_done_value"))

        events = {"read_response": reader.error, "write_response": writer.error,
                  "in_early": early, "in_late": late,
                  "out_early": writer.early, "out_late": writer.late,
                  "in_dropped": in_jobs.dropped, "out_dropped": out_jobs.dropped}
        assert events.keys() == ERRORS.keys()
        m.d.comb += [getattr(regs, f"errors_{name}").eq(event) for name, event in events.items()]
        failed = Signal()
        for event in events.values():
            with m.If(event):
                m.d.comb += failed.eq(1)
        causes = {"in_done": reader.job_done, "out_done": writer.job_done, "error": failed,
                  "captured": capture.full}
        assert causes.keys() == INTERRUPTS.keys()
        pending = Signal()
        for name, event in causes.items():
            m.d.comb += getattr(regs, f"irq_status_{name}").eq(event)
            with m.If(getattr(regs, f"irq_status_{name}_flag")
                      & getattr(regs, f"irq_enable_{name}")):
                m.d.comb += pending.eq(1)
        m.d.sync += self.interrupt.eq(pending)
        return m

    @staticmethod
    def _jobs(m: Module, regs: RegisterFile, side: str, jobs: JobQueue, engine: Any) -> None:
        """An engine with its queue and its registers."""
        def value(name: str) -> Any:
            return getattr(regs, f"{side}_{name}")

        m.d.comb += [jobs.job[name].eq(value(f"{name}_value"))
                     for name in ("address", "stride", "length", "frames")]
        m.d.comb += [
            jobs.put.eq(value("frames_written")),
            jobs.frame_done.eq(engine.frame_done),
            value("queue_waiting").eq(jobs.waiting),
            value("done_value").eq(jobs.frames),
            engine.run.eq(regs.control_run),
            engine.continuous.eq(regs.control_continuous),
            getattr(regs, f"status_{side}_busy").eq(engine.busy | jobs.o.valid),
        ]
        wiring.connect(m, jobs.o, engine.job)

    def _bus(self, m: Module, reader: Reader, writer: Writer) -> None:
        bus = self.m_axi
        for kind, engine in (("ar", reader), ("aw", writer)):
            m.d.comb += [
                getattr(bus, f"{kind}size").eq(BUS_BYTES.bit_length() - 1),
                getattr(bus, f"{kind}burst").eq(INCREMENTING),
                getattr(bus, f"{kind}cache").eq(NORMAL_MEMORY),
                getattr(engine, f"{kind}ready").eq(getattr(bus, f"{kind}ready")),
            ]
            m.d.comb += [getattr(bus, f"{kind}{name}").eq(getattr(engine, f"{kind}{name}"))
                         for name in ("addr", "len", "valid")]
        m.d.comb += [getattr(reader, name).eq(getattr(bus, name))
                     for name in ("rdata", "rresp", "rlast", "rvalid")]
        m.d.comb += [getattr(bus, name).eq(getattr(writer, name))
                     for name in ("wdata", "wstrb", "wlast", "wvalid", "bready")]
        m.d.comb += [bus.rready.eq(reader.rready), writer.wready.eq(bus.wready),
                     writer.bresp.eq(bus.bresp), writer.bvalid.eq(bus.bvalid)]

    @staticmethod
    def _reset(m: Module, regs: RegisterFile, reader: Reader, writer: Writer,
               clear: Signal) -> None:
        """Bursts end, then everything behind the registers is cleared for some cycles."""
        resetting = Signal()
        count = Signal(range(CLEAR_CYCLES))
        m.d.comb += [reader.halt.eq(resetting), writer.halt.eq(resetting),
                     regs.status_resetting.eq(resetting)]
        with m.If(regs.control_reset):
            m.d.sync += resetting.eq(1)
        with m.If(resetting & reader.quiet & writer.quiet):
            m.d.sync += clear.eq(1)
        with m.If(clear):
            m.d.sync += count.eq(count + 1)
            with m.If(count == CLEAR_CYCLES - 1):
                m.d.sync += [clear.eq(0), resetting.eq(0), count.eq(0)]

    def _core(self, m: Module, add: Any, reader: Reader, writer: Writer,
              counters: FrameCounters, capture: Capture, marks: HighWater,
              clear: Signal) -> tuple[Signal, Signal]:
        """The accelerator and what fits words to its beats."""
        p = self.params
        i_bytes, o_bytes = beat_bytes(p.input), beat_bytes(p.output)
        unpack = add("unpack", Gearbox(BUS_BYTES, i_bytes))
        pack = add("pack", Gearbox(o_bytes, BUS_BYTES))
        framer = add("framer", Framer(i_bytes, word_bits=p.input.beats.bit_length()))
        wiring.connect(m, reader.o, unpack.i)
        wiring.connect(m, unpack.o, framer.i)
        wiring.connect(m, pack.o, writer.i)
        aresetn = Signal(reset_less=True)
        m.d.sync += aresetn.eq(~(ResetSignal() | clear))
        out_data = Signal(tdata_width(p.output), name="m_axis_tdata")
        wires = {name: Signal(name=name) for name in
                 ("s_axis_tready", "m_axis_tvalid", "m_axis_tlast")}
        ports: dict[str, Any] = {}
        for k, tap in enumerate(p.streams):
            payload = Signal(tap.width, name=f"{tap.name}_payload")
            valid, ready = (Signal(name=f"{tap.name}_{part}") for part in ("valid", "ready"))
            ports |= {f"o_{tap.name}_payload": payload, f"o_{tap.name}_valid": valid,
                      f"o_{tap.name}_ready": ready}
            m.d.comb += [getattr(capture, f"payload_{k}").eq(payload),
                         getattr(capture, f"moves_{k}").eq(valid & ready)]
        for k, fifo in enumerate(p.fifos):
            level = Signal(range(fifo.depth + 1), name=f"{fifo.name}_level")
            ports[f"o_{fifo.name}_level"] = level
            m.d.comb += getattr(marks, f"level_{k}").eq(level)
        beat = framer.o.payload
        m.submodules.core = Instance(
            p.core, i_aclk=ClockSignal(), i_aresetn=aresetn,
            i_s_axis_tdata=beat.data, i_s_axis_tvalid=framer.o.valid,
            i_s_axis_tlast=beat.last, o_s_axis_tready=wires["s_axis_tready"],
            o_m_axis_tdata=out_data, o_m_axis_tvalid=wires["m_axis_tvalid"],
            o_m_axis_tlast=wires["m_axis_tlast"], i_m_axis_tready=pack.i.ready, **ports)
        m.d.comb += [
            framer.job.valid.eq(1),
            framer.job.payload.words.eq(p.input.beats),
            framer.job.payload.tail.eq(i_bytes),
            framer.o.ready.eq(wires["s_axis_tready"]),
            pack.i.valid.eq(wires["m_axis_tvalid"]),
            pack.i.payload.data.eq(out_data),
            pack.i.payload.count.eq(o_bytes),
            pack.i.payload.last.eq(wires["m_axis_tlast"]),
            counters.i_moves.eq(framer.o.valid & wires["s_axis_tready"]),
            counters.i_last.eq(beat.last),
            counters.o_moves.eq(wires["m_axis_tvalid"] & pack.i.ready),
            counters.o_last.eq(wires["m_axis_tlast"]),
        ]
        return framer.early, framer.late
