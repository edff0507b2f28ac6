"""An accelerator behind its shell: identification, frames, counters, a look inside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...gen.errors import QuantloomError
from ...gen.stored import load_json
from ...rtl_templates.block import StreamShape
from ...rtl_templates.types import IntType
from ...sim.packing import pack, unpack
from .registers import Registers, read_map
from .transport import Buffer, Transport

__all__ = ["Accelerator", "DeviceReport"]

Array = np.ndarray[Any, Any]

ALIGNMENT = 8
"""Bytes that frames in memory begin at multiples of."""

BUFFER_BYTES = 1 << 22
"""Of a buffer in the host's memory."""

POLL_SECONDS = 0.05
"""Longest sleep between looks at the counters."""


@dataclass(frozen=True, eq=False)
class DeviceReport:
    """What a run on a device showed.

    Parameters
    ----------
    frames : int
    outputs : array of int64, (frames, height, width, channels)
        What the hardware gave.
    cycles : int
        Clock cycles from the start to the last frame in memory, as the host saw them.
    interval_cycles : int or None
        Cycles between the last two output frames; None for one frame.
    latency_cycles : int
        Cycles from the first input beat to the last output beat of the last frame measured.
    fifo_high_water : dict of str to (int, int)
        Most beats that a FIFO held since the last reset, and its depth.
    """

    frames: int
    outputs: Array
    cycles: int
    interval_cycles: int | None
    latency_cycles: int
    fifo_high_water: Mapping[str, tuple[int, int]]


class Accelerator:
    """One accelerator and its shell.

    Parameters
    ----------
    directory : path
        What ``quantloom generate --shell`` wrote; its design must be the one on the chip.
    transport : Transport
    timeout : float
        Seconds without a finished frame after which the device counts as stuck.
    memory : int or None
        Bytes of a buffer, about; more frames go in several rounds. None: half of the shell's own
        memory if it has one, else 4 MiB.

    Raises
    ------
    QuantloomError
        If the directory has no shell, or something else answers at the registers.
    """

    def __init__(self, directory: str | Path, transport: Transport, *, timeout: float = 5.0,
                 memory: int | None = None):
        self.directory, self.transport, self.timeout = Path(directory), transport, timeout
        self.map = read_map(self.directory)
        self.memory = memory or self.map.get("memory_bytes", 2 * BUFFER_BYTES) // 2
        self.registers = Registers(transport, self.map)
        self._input, self._output = (_shape(self.map[end]) for end in ("input", "output"))
        self._input_shape, self._output_shape = _tensor_shapes(self.directory)
        for stream, tensor, end, side in (
            (self._input, self._input_shape, "input", "in"),
            (self._output, self._output_shape, "output", "out"),
        ):
            if stream.beats * stream.lanes != prod(tensor):
                raise QuantloomError(
                    f"{self.directory}: registers.json says that the {end} is {stream.beats} "
                    f"beats of {stream.lanes}, design.json that it has the shape {tensor}: they "
                    "are not of one design; generate it again")
            length = self.registers.constant(f"{side}_length")
            if length != _frame_bytes(stream):
                raise QuantloomError(
                    f"{self.directory}: registers.json says that a frame of the {end} has {length} "
                    f"bytes, but its beats {_frame_bytes(stream)}: damaged; generate it again")
        self._identify()
        self.reset()

    def _identify(self) -> None:
        read, known = self.registers.read, self.registers.constant
        if (magic := read("magic")) != known("magic"):
            raise QuantloomError(f"no Quantloom shell answers at the registers: 0x{magic:08X} is "
                                 "read there; is the bitstream loaded, and the address right?")
        if read("version") >> 16 != known("version") >> 16:
            raise QuantloomError("the shell on the chip is of another version than "
                                 f"{self.directory}; generate and build the design again")
        found = "".join(f"{read(f'hash_{k}'):08x}" for k in range(4))
        if found != self.map["hash"]:
            raise QuantloomError(f"the design on the chip is another one than {self.directory}: "
                                 f"its hash is {found}, not {self.map['hash']}")

    def reset(self) -> None:
        """Drop everything under way; bursts are finished first.

        Raises
        ------
        QuantloomError
            If the memory bus never answers.
        """
        self.registers.set("control", reset=1)
        deadline = time.monotonic() + self.timeout
        while self.registers.fields("status")["resetting"]:
            if time.monotonic() > deadline:
                raise QuantloomError("the reset does not end: a burst on the memory bus is not "
                                     "answered; is the memory port set up?")
        self.registers.write("errors", ~0 & 0xFFFFFFFF)
        self.registers.write("irq_status", ~0 & 0xFFFFFFFF)

    def run(self, frames: Array) -> DeviceReport:
        """Send frames through the accelerator.

        Parameters
        ----------
        frames : array of int, (frames, height, width, channels)
            Integers of the input tensor.

        Raises
        ------
        QuantloomError
            If the frames do not fit, the device gets stuck, or an error flag is raised.
        """
        x = np.asarray(frames)
        if x.shape[1:] != self._input_shape or len(x) == 0:
            raise QuantloomError("frames must be an array (frames, "
                                 f"{', '.join(map(str, self._input_shape))}) with at least one "
                                 f"frame, not {x.shape}")
        if not self._input.type.contains(x):
            raise QuantloomError(f"frames must hold values of {self._input.type}, not "
                                 f"{x.min()} to {x.max()}")
        strides = [_stride(shape) for shape in (self._input, self._output)]
        batch = max(1, min(len(x), self.memory // max(strides), self.registers.most("in_frames")))
        outputs, cycles = [], 0
        with self._buffer(batch * strides[0]) as source, self._buffer(batch * strides[1]) as sink:
            for start in range(0, len(x), batch):
                part = x[start : start + batch]
                self._fill(source, part, strides[0])
                cycles += self._transfer(source, sink, strides, len(part), start)
                outputs.append(self._take(sink, len(part), strides[1]))
        read = self.registers.read
        return DeviceReport(
            frames=len(x), outputs=np.concatenate(outputs), cycles=cycles,
            interval_cycles=read("interval") if batch > 1 else None,
            latency_cycles=read("latency"), fifo_high_water=self.fifo_high_water())

    def fifo_high_water(self) -> dict[str, tuple[int, int]]:
        """Most beats that each FIFO held since the last reset, and its depth."""
        marks = {}
        for number, fifo in enumerate(self.map["fifos"]):
            self.registers.set("fifo_index", value=number)
            self.registers.read("fifo_index")  # the mark is there a cycle behind the index
            marks[fifo["name"]] = self.registers.read("fifo_mark"), fifo["depth"]
        return marks

    @property
    def streams(self) -> dict[str, str]:
        """Streams that :meth:`capture` can look at, and the tensors that they carry."""
        return {stream["name"]: stream["tensor"] for stream in self.map["streams"]}

    def capture(self, stream: str, frame: Array) -> Array:
        """What passed on a stream while the accelerator computed one frame.

        The frame is computed as often as the stream has words of 32 bits and fillings of the
        capture buffer.

        Parameters
        ----------
        stream : str
            One of :attr:`streams`.
        frame : array of int, (height, width, channels)

        Returns
        -------
        array of int64, (beats, lanes)

        Raises
        ------
        QuantloomError
            If the shell has no such tap, or as :meth:`run` does.
        """
        names = list(self.streams)
        if stream not in names:
            raise QuantloomError(f"stream must be one of {', '.join(names) or 'none'}, "
                                 f"not {stream!r}")
        number, room = names.index(stream), self.map["capture_words"]
        shape = _shape(self.map["streams"][number])
        words = np.zeros((shape.beats, -(-shape.width // 32)), "<u4")
        for first in range(0, shape.beats, room):
            count = min(room, shape.beats - first)
            for word in range(words.shape[1]):
                self.reset()
                self.registers.set("capture_select", stream=number, word=word)
                self.registers.set("capture_skip", value=first)
                self.registers.set("capture_control", arm=1)
                self.run(np.asarray(frame)[None])
                got = self.registers.read("capture_count")
                if got < count:
                    raise QuantloomError(f"stream {stream}: {first + got} beats passed in a "
                                         f"frame, not {shape.beats}")
                for k in range(count):
                    self.registers.set("capture_index", value=k)
                    self.registers.read("capture_index")
                    words[first + k, word] = self.registers.read("capture_data")
        return unpack(words, shape)

    @contextmanager
    def _buffer(self, size: int) -> Iterator[Buffer]:
        buffer = self.transport.allocate(size)
        try:
            yield buffer
        finally:
            buffer.close()

    def _fill(self, buffer: Buffer, frames: Array, stride: int) -> None:
        shape = self._input
        words = pack(frames.reshape(-1, shape.lanes), shape)
        data = words.view(np.uint8)[:, : _beat_bytes(shape)].reshape(len(frames), -1)
        rows = buffer.array[: len(frames) * stride].reshape(len(frames), stride)
        rows[:, : data.shape[1]] = data
        buffer.flush()

    def _take(self, buffer: Buffer, frames: int, stride: int) -> Array:
        shape = self._output
        buffer.invalidate()
        rows = np.array(buffer.array[: frames * stride]).reshape(frames, stride)
        data = rows[:, : _frame_bytes(shape)].reshape(-1, _beat_bytes(shape))
        words = np.zeros((len(data), -(-shape.width // 32)), "<u4")
        size = min(data.shape[1], 4 * words.shape[1])
        words.view(np.uint8)[:, :size] = data[:, :size]
        return unpack(words, shape).reshape(frames, *self._output_shape)

    def _cycles(self) -> int:
        low = self.registers.read("cycles_low")
        return self.registers.read("cycles_high") << 32 | low

    def _transfer(self, source: Buffer, sink: Buffer, strides: list[int], frames: int,
                  first: int) -> int:
        """Move frames; returns the cycles it took."""
        regs = self.registers
        began = {side: regs.read(f"{side}_done") for side in ("in", "out")}
        regs.write("irq_status", ~0 & 0xFFFFFFFF)
        regs.set("irq_enable", out_done=1, error=1)
        regs.set("control", run=1)
        for side, buffer, stride in (("out", sink, strides[1]), ("in", source, strides[0])):
            regs.write(f"{side}_address", buffer.address)
            regs.write(f"{side}_stride", stride)
            regs.write(f"{side}_length", regs.constant(f"{side}_length"))
            if side == "in":
                start = self._cycles()
            regs.set(f"{side}_frames", value=frames)
        done, deadline = 0, time.monotonic() + self.timeout
        while done < frames:
            self.transport.wait(POLL_SECONDS)
            before, done = done, regs.read("out_done") - began["out"] & 0xFFFFFFFF
            if done != before:
                deadline = time.monotonic() + self.timeout
            elif time.monotonic() > deadline:
                problem = self._problem(began, first)
                entered, left = regs.read("frames_in"), regs.read("frames_out")
                self.reset()
                raise QuantloomError(problem or (
                    f"the device is stuck: {done} of {frames} frames were written within "
                    f"{self.timeout:g} s; since the last reset {entered} entered the accelerator "
                    f"and {left} left it"))
        cycles = self._cycles() - start
        if problem := self._problem(began, first):
            self.reset()
            raise QuantloomError(problem)
        return cycles

    def _problem(self, began: Mapping[str, int], first: int) -> str:
        """What the error flags say, empty if nothing."""
        meaning = self.registers.documentation("errors")
        texts = []
        for name, flag in self.registers.fields("errors").items():
            if not flag:
                continue
            text = meaning[name]
            if name in ("read_response", "write_response"):
                verb, side = ("read", "in") if name == "read_response" else ("write", "out")
                frame = self.registers.read(f"{verb}_error_frame") - began[side] + first
                text = f"Frame {frame}: {text}"
            texts.append(text)
        return " ".join(texts)


def _shape(entry: Mapping[str, Any]) -> StreamShape:
    return StreamShape(IntType.parse(entry["type"]), entry["lanes"], entry["beats"])


def _beat_bytes(shape: StreamShape) -> int:
    return -(-shape.width // 8)


def _frame_bytes(shape: StreamShape) -> int:
    return shape.beats * _beat_bytes(shape)


def _stride(shape: StreamShape) -> int:
    """Bytes from frame to frame."""
    return -(-_frame_bytes(shape) // ALIGNMENT) * ALIGNMENT


def _tensor_shapes(directory: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of the input and the output tensor from design.json."""
    file = directory / "design.json"
    try:
        value = load_json(file)
        shapes = {layer["name"]: layer["output"]["shape"] for layer in value["layers"]}
        shapes["input"] = value["input"]["shape"]
        return (tuple(map(int, shapes["input"])),
                tuple(map(int, shapes[value["output"]["tensor"]])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QuantloomError(f"{file}: cannot be read as a design: {error}") from error
