"""What a simulation showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gen.dataflow.graph import Dataflow
from .deadlock import explain
from .engine import Design, RunResult
from .packing import unpack, words_per_beat

__all__ = ["Mismatch", "Report", "StreamCheck", "make_report"]


@dataclass(frozen=True)
class Mismatch:
    """The first wrong value, in dataflow order and then in time.

    Parameters
    ----------
    block : str
        Block that produced it; "input" where the stream comes from outside.
    stream : str
        Stream that carried it, or ``m_axis_tlast``.
    frame, beat, lane : int
        Frame, beat of the frame, element of the beat.
    tensor : str or None
        Tensor that the stream carries.
    position : tuple of int or None
        Row and column, where the stream carries a tensor.
    channel : int or None
    expected, got : int or None
        ``got`` is None where the hardware gave undefined bits.
    """

    block: str
    stream: str
    frame: int
    beat: int
    lane: int
    tensor: str | None
    position: tuple[int, int] | None
    channel: int | None
    expected: int | None
    got: int | None

    def __str__(self) -> str:
        place = f"beat {self.beat}, lane {self.lane}"
        if self.position is not None:
            place = f"row {self.position[0]}, column {self.position[1]}, channel {self.channel}"
        got = "undefined bits" if self.got is None else self.got
        return (f"block {self.block}, stream {self.stream}, frame {self.frame}, {place}: "
                f"expected {self.expected}, got {got}")


@dataclass(frozen=True)
class StreamCheck:
    """A stream that was compared: its tensor if it carries one, beats and mismatching beats."""

    stream: str
    tensor: str | None
    beats: int
    mismatches: int


@dataclass(frozen=True, eq=False)
class Report:
    """Result of :func:`~quantloom.sim.simulate.simulate`.

    Parameters
    ----------
    engine : str
    frames, frames_requested : int
        Frames that came out whole, frames that were sent.
    mismatches : int
        Mismatching beats over all streams; wrong ``m_axis_tlast`` and surplus output beats count.
    first_mismatch : Mismatch or None
    streams : tuple of StreamCheck
    outputs : array of int64, (frames, height, width, channels)
        What the hardware gave.
    cycles : int
        Cycles from the end of reset to the last beat.
    interval_cycles : float or None
        Cycles a frame in the steady state: the mean distance between the last output beats of
        consecutive frames in the second half of the run. None for one frame or with pauses.
    latency_cycles : int or None
        Cycles from the first input beat of the first frame to its last output beat, both
        included; None with pauses.
    fifo_high_water : dict of str to (int, int)
        Most beats that a FIFO held, and its depth.
    fifo_levels : dict of str to (int, tuple of int)
        Cycles of a stretch, and the most beats that the FIFO held in each, one behind the other.
    deadlock : str or None
        Who waits for whom, if the design got stuck.
    stress : bool
    seed : int
    """

    engine: str
    frames: int
    frames_requested: int
    mismatches: int
    first_mismatch: Mismatch | None
    streams: tuple[StreamCheck, ...]
    outputs: np.ndarray[Any, Any]
    cycles: int
    interval_cycles: float | None
    latency_cycles: int | None
    fifo_high_water: Mapping[str, tuple[int, int]]
    fifo_levels: Mapping[str, tuple[int, tuple[int, ...]]]
    deadlock: str | None
    stress: bool
    seed: int

    @property
    def ok(self) -> bool:
        """Every frame came out and every beat was equal."""
        return self.mismatches == 0 and self.deadlock is None

    @property
    def layers_checked(self) -> tuple[str, ...]:
        """Tensors of the network that were compared, in dataflow order."""
        return tuple(dict.fromkeys(s.tensor for s in self.streams if s.tensor is not None))

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the outputs."""
        first = self.first_mismatch
        return {
            "engine": self.engine, "frames": self.frames,
            "frames_requested": self.frames_requested, "mismatches": self.mismatches,
            "first_mismatch": None if first is None else {**vars(first), "text": str(first)},
            "interval_cycles": self.interval_cycles, "latency_cycles": self.latency_cycles,
            "cycles": self.cycles,
            "fifo_high_water": {name: list(mark) for name, mark in self.fifo_high_water.items()},
            "deadlock": self.deadlock, "stress": self.stress, "seed": self.seed,
            "layers_checked": list(self.layers_checked),
            "streams_checked": len(self.streams),
            "streams": {check.stream: {"tensor": check.tensor, "beats": check.beats,
                                       "mismatches": check.mismatches} for check in self.streams},
        }  # fmt: skip


def make_report(dataflow: Dataflow, design: Design, result: RunResult, *, engine: str,
                frames: int, stress: bool, seed: int) -> Report:
    """The report of a run of ``frames`` frames."""
    checks = tuple(
        StreamCheck(probe.name, dataflow.streams[probe.name].tensor, seen.beats, seen.mismatches)
        for probe, seen in zip(design.probes, result.probes, strict=True))
    depths = {name: dataflow.blocks[name].params for name in result.fifo_marks}
    return Report(
        engine=engine, frames=result.frames, frames_requested=frames,
        mismatches=sum(c.mismatches for c in checks) + result.tlast_errors + result.surplus,
        first_mismatch=_first_mismatch(dataflow, design, result), streams=checks,
        outputs=_outputs(dataflow, result), cycles=result.cycles,
        interval_cycles=None if stress else _interval(result),
        latency_cycles=None if stress or result.frames == 0 else
        int(result.last_out[0] - result.first_in[0]) + 1,
        fifo_high_water={name: (mark, depths[name].depth)  # type: ignore[misc]
                         for name, mark in result.fifo_marks.items()},
        fifo_levels=result.fifo_levels,
        deadlock=explain(dataflow, design, result, frames) if result.stuck else None,
        stress=stress, seed=seed,
    )  # fmt: skip


def _interval(result: RunResult) -> float | None:
    last = result.last_out[: result.frames]
    if len(last) < 2:
        return None
    half = (len(last) - 1) // 2
    return round(float(last[-1] - last[half]) / (len(last) - 1 - half), 3)


def _outputs(dataflow: Dataflow, result: RunResult) -> np.ndarray[Any, Any]:
    shape = dataflow.streams[dataflow.output].shape
    beats = unpack(result.output[: result.frames * shape.beats], shape)
    return beats.reshape(result.frames, *dataflow.network.tensors[dataflow.network.output].shape)


def _first_mismatch(dataflow: Dataflow, design: Design, result: RunResult) -> Mismatch | None:
    for probe, seen in zip(design.probes, result.probes, strict=True):
        if seen.first is None:
            continue
        stream = dataflow.streams[probe.name]
        frame, beat = divmod(seen.first, probe.beats)
        expected = _values(dataflow, probe.name, seen.expected)
        got = None if seen.got is None else _values(dataflow, probe.name, seen.got)
        # Equal values of unequal words can only be bits above the payload; lane 0 stands for them.
        lane = 0 if got is None else int(np.argmax(got != expected))
        position = channel = None
        if stream.tensor is not None:
            shape = dataflow.network.tensors[stream.tensor].shape
            row, column, c = np.unravel_index(beat * stream.shape.lanes + lane, shape)
            position, channel = (int(row), int(column)), int(c)
        return Mismatch(stream.producer or "input", probe.name, frame, beat, lane, stream.tensor,
                        position, channel, int(expected[lane]),
                        None if got is None else int(got[lane]))
    sink = design.probes[design.sink]
    producer = dataflow.streams[sink.name].producer or "input"
    if result.tlast_errors:
        frame, beat = divmod(result.tlast_first, sink.beats)
        last = int(beat == sink.beats - 1)
        return Mismatch(producer, "m_axis_tlast", frame, beat, 0, None, None, None, last, 1 - last)
    if result.surplus:
        return Mismatch(producer, sink.name, result.frames, 0, 0, None, None, None, None, None)
    return None


def _values(dataflow: Dataflow, stream: str, payload: int | None) -> np.ndarray[Any, Any]:
    shape = dataflow.streams[stream].shape
    assert payload is not None
    size = 4 * words_per_beat(shape.width)
    words = np.frombuffer(payload.to_bytes(size, "little"), "<u4")
    return unpack(words.reshape(1, -1), shape)[0]
