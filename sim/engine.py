"""What all simulators of the emitted Verilog have in common: design, job, result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..gen.dataflow.graph import Dataflow
from ..rtl_templates.queue import FifoParams
from .packing import words_per_beat

__all__ = ["Design", "Engine", "Job", "Probe", "ProbeResult", "Progress", "RunResult",
           "Simulator", "Trace"]  # fmt: skip

BRIEF = 10_000
"""Cycles up to which a run is brief. A compiler that does not optimise saves a time, and a cycle
then costs one, that both grow with the design; they are equal at some 30,000 cycles."""

Progress = Callable[[str, int, int], None]
"""Called with the stage ("compile" or "simulate"), the steps done, and the steps in all."""


@dataclass(frozen=True)
class Probe:
    """A stream that is watched: wires of the top module, or its ports.

    Parameters
    ----------
    name : str
        The stream.
    width : int
        Payload bits.
    beats : int
        Beats a frame.
    wires : tuple of str
        Names of the payload, valid and ready wires.
    """

    name: str
    width: int
    beats: int
    wires: tuple[str, str, str]

    @property
    def words(self) -> int:
        """32-bit words of a beat."""
        return words_per_beat(self.width)


@dataclass(frozen=True)
class Design:
    """Verilog to simulate.

    Parameters
    ----------
    sources : tuple of Path
        Verilog files; the emitted one, or a netlist and the models of its cells.
    top : str
        Top module, with the accelerator's AXI4-Stream ports.
    probes : tuple of Probe
        In topological order.
    source, sink : int
        Index of the input's and the output's probe.
    fifos : tuple of str
        Blocks whose ``<fifo>_level`` wire is watched.
    traced : bool
        Can write a SAIF file of a part of the run, at the price of speed.
    brief : bool
        Is simulated for so few cycles that it is not worth an optimising compiler's time.
    """

    sources: tuple[Path, ...]
    top: str
    probes: tuple[Probe, ...]
    source: int
    sink: int
    fifos: tuple[str, ...] = ()
    traced: bool = False
    brief: bool = False

    @classmethod
    def of(cls, dataflow: Dataflow, sources: Iterable[Path], *, ports_only: bool = False,
           cycles: int | None = None) -> Design:
        """Design of a dataflow's Verilog.

        Parameters
        ----------
        dataflow : Dataflow
        sources : iterable of Path
        ports_only : bool
            Watch the ports alone, for a netlist that has lost the wires between blocks.
        cycles : int or None
            About how many will be simulated; None: many.
        """
        names = ([dataflow.input, dataflow.output] if ports_only
                 else [dataflow.input, *(n for b in dataflow.blocks.values()
                                         for n in (*b.inner, *b.outputs))])
        probes = []
        for name in names:
            shape = dataflow.streams[name].shape
            wires = (f"{name}_payload", f"{name}_valid", f"{name}_ready")
            if ports_only:
                port = "s_axis" if name == dataflow.input else "m_axis"
                wires = (f"{port}_tdata", f"{port}_tvalid", f"{port}_tready")
            probes.append(Probe(name, shape.width, shape.beats, wires))
        fifos = () if ports_only else tuple(
            block.name for block in dataflow.blocks.values() if isinstance(block.params, FifoParams)
        )
        return cls(tuple(Path(path) for path in sources), dataflow.name, tuple(probes),
                   names.index(dataflow.input), names.index(dataflow.output), fifos,
                   brief=cycles is not None and cycles <= BRIEF)


@dataclass(frozen=True)
class Trace:
    """The part of a run that a traced design writes a SAIF file of.

    From the cycle in which the source first offers frame ``first`` to the one in which it first
    offers frame ``end``. A clock cycle is two units of time.

    Parameters
    ----------
    first, end : int
    saif : Path
        The file; one with the suffix ``.start`` beside it holds the first state alone.
    """

    first: int
    end: int
    saif: Path


@dataclass(frozen=True)
class Job:
    """One run.

    Parameters
    ----------
    frames : int
    words : iterable of sequence of array of uint32, (beats, words)
        For each frame the expected words of every probe; those of the input's probe are also
        what is sent. Consumed while the simulation runs.
    gaps, stalls : float
        Share of cycles in which the source idles, in which the sink is not ready.
    seed : int
    burst : int
        Longest phase of pauses, cycles.
    idle_limit : int
        Cycles without a beat anywhere after which the design counts as stuck.
    trace : Trace or None
        For a traced design, and only for one.
    """

    frames: int
    words: Iterable[list[np.ndarray[Any, Any]]]
    gaps: float = 0.0
    stalls: float = 0.0
    seed: int = 0
    burst: int = 64
    idle_limit: int = 10_000
    trace: Trace | None = None

    def numbers(self) -> dict[str, int]:
        """What the test benches take: seeds (never 0) and probabilities of 65,536."""
        seeds = np.random.SeedSequence(self.seed).generate_state(2) | 1
        return {
            "frames": self.frames, "gap_seed": int(seeds[0]), "stall_seed": int(seeds[1]),
            "gaps": round(self.gaps * 65536), "stalls": round(self.stalls * 65536),
            "burst": self.burst, "idle_limit": self.idle_limit,
        }  # fmt: skip


@dataclass(frozen=True)
class ProbeResult:
    """What a probe saw: expected beats transferred, those that differed, and the first of them.

    ``got`` is None if it contained undefined bits. ``valid`` and ``ready`` are the handshake at
    the end of the run.
    """

    beats: int
    mismatches: int
    first: int | None
    got: int | None
    expected: int | None
    valid: bool
    ready: bool


@dataclass(frozen=True)
class RunResult:
    """Outcome of a run.

    Parameters
    ----------
    frames : int
        Frames that came out whole.
    cycles : int
        Cycles from the end of reset to the last expected beat.
    first_in, last_in, last_out : array of int64, (frames of the job,)
        Cycle of a frame's first and last input beat and of its last output beat; -1 where it
        did not happen.
    output : array of uint32, (beats, words)
        What the output stream carried.
    probes : tuple of ProbeResult
    fifo_marks : dict of str to int
        Most beats that each FIFO held.
    fifo_levels : dict of str to (int, tuple of int)
        Cycles of a stretch, and the most beats that the FIFO held in each of the stretches that
        follow one another up to the last expected beat: up to 512.
    tlast_errors : int
        Output beats with a wrong ``m_axis_tlast``.
    tlast_first : int
        The first of them.
    surplus : int
        Output beats beyond the last frame.
    stuck : bool
        No beat moved for ``idle_limit`` cycles.
    """

    frames: int
    cycles: int
    first_in: np.ndarray[Any, Any]
    last_in: np.ndarray[Any, Any]
    last_out: np.ndarray[Any, Any]
    output: np.ndarray[Any, Any]
    probes: tuple[ProbeResult, ...]
    fifo_marks: dict[str, int]
    fifo_levels: dict[str, tuple[int, tuple[int, ...]]]
    tlast_errors: int
    tlast_first: int
    surplus: int
    stuck: bool


class Simulator(Protocol):
    """A built simulation of one design."""

    def run(self, job: Job, on_progress: Progress | None = None) -> RunResult:
        """Simulate; reports stage "simulate" by frames."""
        ...


class Engine(Protocol):
    """A simulator program."""

    def __call__(self, design: Design, on_progress: Progress | None = None) -> Simulator:
        """Build a design, or take it from the cache; reports stage "compile"."""
        ...
