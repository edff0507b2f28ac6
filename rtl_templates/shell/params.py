"""What a shell is made for, and its register map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..block import StreamShape
from ..top import tdata_width
from ..validation import check_positive
from .registers import Field, Register, RegisterMap

__all__ = ["BUS_BYTES", "FifoTap", "ShellParams", "StreamTap", "register_map"]

BUS_BYTES = 8
"""Bytes of a beat on the memory bus: the width of a Zynq's HP ports."""

MAGIC = 0x514C4F4D
"""``QLOM``, the first register's value."""

VERSION = (1, 0)
"""Of the register map; the first number changes when a driver of before would go wrong."""


@dataclass(frozen=True)
class StreamTap:
    """A stream between blocks that can be looked at.

    ``name``'s wires are ports of the accelerator; ``width`` is the payload's, in bits.
    """

    name: str
    width: int

    @property
    def words(self) -> int:
        """32-bit words of a beat."""
        return -(-self.width // 32)


@dataclass(frozen=True)
class FifoTap:
    """A FIFO between blocks, whose ``<name>_level`` is a port of the accelerator."""

    name: str
    depth: int


@dataclass(frozen=True, kw_only=True)
class ShellParams:
    """Parameters of a shell.

    Parameters
    ----------
    core : str
        Module of the accelerator.
    input, output : StreamShape
        Of its ports.
    digest : bytes
        First 16 bytes of the SHA-256 of the accelerator's Verilog.
    clock : float
        In MHz, what the design is meant to run at.
    streams : sequence of StreamTap
        What can be captured.
    fifos : sequence of FifoTap
        What high-water marks are kept of.
    jobs : int
        Jobs that wait in front of each DMA engine.
    outstanding : int
        Bursts that each DMA engine has under way, at most.
    capture : int
        Words that are captured, a power of two.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    core: str
    input: StreamShape
    output: StreamShape
    digest: bytes
    clock: float
    streams: Sequence[StreamTap] = ()
    fifos: Sequence[FifoTap] = ()
    jobs: int = 4
    outstanding: int = 4
    capture: int = 64

    def __post_init__(self) -> None:
        if len(self.digest) != 16:
            raise ValueError(f"digest must be 16 bytes, not {len(self.digest)}")
        check_positive(jobs=self.jobs, outstanding=self.outstanding, capture=self.capture)
        if self.capture & (self.capture - 1):
            raise ValueError(f"capture must be a power of two, not {self.capture!r}")
        for end, shape in (("input", self.input), ("output", self.output)):
            if frame_bytes(shape) >= 1 << LENGTH_BITS:
                raise ValueError(f"a frame of the {end} must be below {1 << LENGTH_BITS} bytes, "
                                 f"not {frame_bytes(shape)}")


LENGTH_BITS, FRAME_BITS = 24, 16
"""Of a frame's length in bytes, and of a number of frames in a job."""


def beat_bytes(shape: StreamShape) -> int:
    """Bytes of a beat in memory, as in TDATA."""
    return tdata_width(shape) // 8


def frame_bytes(shape: StreamShape) -> int:
    """Bytes of a frame in memory: its beats one behind the other."""
    return shape.beats * beat_bytes(shape)


def register_map(params: ShellParams) -> RegisterMap:
    """The registers of a shell: the one place where they are described."""
    hashes = [Register(
        name=f"hash_{k}", offset=0x10 + 4 * k, doc="Hash of the design.",
        fields=[Field(name="value", width=32, access="constant",
                      reset=int.from_bytes(params.digest[4 * k : 4 * k + 4], "big"),
                      doc=f"Bytes {4 * k} to {4 * k + 3} of the SHA-256 of the accelerator's "
                          "Verilog, the first one highest.")]) for k in range(4)]
    return RegisterMap("quantloom", [
        Register(name="magic", offset=0x00, doc="Identification.", fields=[
            Field(name="value", width=32, access="constant", reset=MAGIC,
                  doc="The letters QLOM.")]),
        Register(name="version", offset=0x04, doc="Version of this map.", fields=[
            Field(name="minor", width=16, access="constant", reset=VERSION[1],
                  doc="Changes when something is added."),
            Field(name="major", low=16, width=16, access="constant", reset=VERSION[0],
                  doc="Changes when something is not as before.")]),
        Register(name="sizes", offset=0x08, doc="What the shell was made with.", fields=[
            Field(name="jobs", width=8, access="constant", reset=params.jobs,
                  doc="Jobs that a queue holds."),
            Field(name="streams", low=8, width=8, access="constant", reset=len(params.streams),
                  doc="Streams that can be captured."),
            Field(name="fifos", low=16, width=8, access="constant", reset=len(params.fifos),
                  doc="FIFOs with a high-water mark.")]),
        Register(name="clock", offset=0x0C, doc="Clock.", fields=[
            Field(name="khz", width=32, access="constant", reset=round(params.clock * 1000),
                  doc="What the design is meant to run at, in kHz.")]),
        *hashes,
        *_control(),
        *_counters(),
        *_debugging(params),
        *_engine("in", 0x100, "read", frame_bytes(params.input)),
        *_engine("out", 0x120, "write", frame_bytes(params.output)),
    ])


def _control() -> list[Register]:
    return [
        Register(name="control", offset=0x20, doc="Start, stop, reset.", fields=[
            Field(name="run", access="write",
                  doc="Frames are moved while set; when cleared, frames that were begun are "
                      "finished and no other is begun."),
            Field(name="continuous", low=1, access="write",
                  doc="The last job of an empty queue is begun again when it is done."),
            Field(name="reset", low=2, access="pulse",
                  doc="Bursts under way are finished, then jobs, data and counters are dropped "
                      "and the accelerator is reset; flags and settings stay.")]),
        Register(name="status", offset=0x24, doc="What is going on.", fields=[
            Field(name="resetting", doc="A reset is under way."),
            Field(name="in_busy", low=1, doc="The input has a job or a burst under way."),
            Field(name="out_busy", low=2, doc="The output has a job or a burst under way.")]),
        Register(name="errors", offset=0x28, doc="What went wrong.", fields=[
            Field(name=name, low=k, access="clear", doc=doc)
            for k, (name, doc) in enumerate(ERRORS.items())]),
        Register(name="irq_enable", offset=0x2C, doc="What raises the interrupt.", fields=[
            Field(name=name, low=k, access="write", doc=doc)
            for k, (name, doc) in enumerate(INTERRUPTS.items())]),
        Register(name="irq_status", offset=0x30, doc="Why the interrupt is raised.", fields=[
            Field(name=name, low=k, access="clear", doc=doc)
            for k, (name, doc) in enumerate(INTERRUPTS.items())]),
    ]


ERRORS = {
    "read_response": "The bus answered a read with an error; the frame's data are not valid.",
    "write_response": "The bus answered a write with an error; the frame is not in memory.",
    "in_early": "An input frame ended before the accelerator's; it was filled up with zeros.",
    "in_late": "An input frame was longer than the accelerator's; the rest was dropped.",
    "out_early": "An output frame ended before its length; the rest of it was not written.",
    "out_late": "An output frame was longer than its length; the rest was dropped.",
    "in_dropped": "An input job was dropped: the queue was full, or it had nothing to do.",
    "out_dropped": "An output job was dropped: the queue was full, or it had nothing to do.",
}
"""Error flags in the order of their bits."""

INTERRUPTS = {
    "in_done": "An input job has been read.",
    "out_done": "An output job has been written, and its last write been answered.",
    "error": "An error flag was set.",
    "captured": "The capture buffer is full.",
}
"""Causes of the interrupt in the order of their bits."""


def _counter(name: str, offset: int, doc: str, strobe: str = "") -> Register:
    return Register(name=name, offset=offset, doc=doc, strobe=strobe,
                    fields=[Field(name="value", width=32, doc=doc)])


def _counters() -> list[Register]:
    return [
        _counter("frames_in", 0x34, "Frames that entered the accelerator."),
        _counter("frames_out", 0x38, "Frames that left the accelerator."),
        _counter("cycles_low", 0x3C, "Cycles since the last reset, bits 31 to 0; reading it keeps "
                 "the others for cycles_high.", "read"),
        _counter("cycles_high", 0x40, "Cycles, bits 63 to 32, of when cycles_low was read."),
        _counter("latency", 0x44, "Cycles from the first beat of a frame at the accelerator's "
                 "input to its last at the output, both included; of the last frame measured: "
                 "one at a time is."),
        _counter("interval", 0x48, "Cycles between the last beats of the last two output frames."),
        _counter("read_error_frame", 0x4C, "Input frame, counted from the last reset, that the "
                 "first read error behind the clearing of its flag belongs to."),
        _counter("write_error_frame", 0x50, "Output frame that the first write error belongs to."),
    ]


def _debugging(params: ShellParams) -> list[Register]:
    return [
        Register(name="fifo_index", offset=0x60, doc="Selects a FIFO.", fields=[
            Field(name="value", width=8, access="write", doc="Its number.")]),
        _counter("fifo_mark", 0x64, "Most beats that the selected FIFO held since the last reset."),
        Register(name="capture_select", offset=0x70, doc="What is captured.", fields=[
            Field(name="stream", width=8, access="write", doc="Number of the stream."),
            Field(name="word", low=8, width=16, access="write",
                  doc="Which 32 bits of its beats, the lowest being 0.")]),
        Register(name="capture_skip", offset=0x74, doc="Beats that are let go by.", fields=[
            Field(name="value", width=32, access="write",
                  doc="Beats of the stream before the first one that is captured, counted from "
                      "when the capture is armed; behind a reset they are counted from the "
                      "beginning of a frame.")]),
        Register(name="capture_control", offset=0x78, doc="Begins a capture.", fields=[
            Field(name="arm", access="pulse", doc="Empties the buffer and begins.")]),
        Register(name="capture_count", offset=0x7C, doc="Beats captured.", fields=[
            Field(name="value", width=params.capture.bit_length(),
                  doc=f"Beats in the buffer; {params.capture} if it is full.")]),
        Register(name="capture_index", offset=0x80, doc="Selects a captured beat.", fields=[
            Field(name="value", width=max(1, (params.capture - 1).bit_length()), access="write",
                  doc="Its place in the buffer.")]),
        _counter("capture_data", 0x84, "The captured word at that place."),
    ]


def _engine(side: str, offset: int, verb: str, length: int) -> list[Register]:
    what = "input" if side == "in" else "output"
    return [
        Register(name=f"{side}_address", offset=offset, doc=f"Where {what} frames are.", fields=[
            Field(name="value", low=3, width=29, access="write",
                  doc="Address of the first frame, in units of 8 bytes: the lowest three bits of "
                      "the word are 0.")]),
        Register(name=f"{side}_stride", offset=offset + 4, doc="Distance of frames.", fields=[
            Field(name="value", low=3, width=29, access="write", reset=-(-length // 8),
                  doc="From the first byte of a frame to that of the next, in units of 8 "
                      "bytes.")]),
        Register(name=f"{side}_length", offset=offset + 8, doc="Length of a frame.", fields=[
            Field(name="value", width=LENGTH_BITS, access="write", reset=length,
                  doc="In bytes, any number; the accelerator's frames have the reset value.")]),
        Register(name=f"{side}_frames", offset=offset + 12, strobe="write",
                 doc="Frames of the job; writing it puts the job into the queue.", fields=[
            Field(name="value", width=FRAME_BITS, access="write",
                  doc=f"Frames to {verb}, at least 1.")]),
        Register(name=f"{side}_queue", offset=offset + 16, doc="The queue of jobs.", fields=[
            Field(name="waiting", width=8, doc="Jobs that wait, without the one under way.")]),
        _counter(f"{side}_done", offset + 20, f"Frames {'read' if side == 'in' else 'written'} "
                 "since the last reset."),
    ]
