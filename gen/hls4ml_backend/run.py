"""Running what the backend wrote: golden model, simulator, synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...boards.parts import part as find_part
from ...boards.target import Target
from ...sim import golden
from ..cli.simulate import simulate_design
from ..dataflow.fold import shown
from ..design import Design
from ..errors import QuantloomError
from ..estimate.resources import dataflow_resources
from ..frontends.hls4ml import input_type
from ..network.convert import dequantize, integers_to_source
from ..synth import core, synthesise

__all__ = ["build", "compile_simulator", "predict"]

DEFAULT_PART = "XC7Z020"
"""What is synthesised for where the model names no part; areas are those of the whole family."""

ENGINES = ("golden", "verilator", "cxxrtl", "icarus")


def _design(model: Any) -> Design:
    design = getattr(model, "quantloom_design", None)
    if design is None:
        raise QuantloomError(f"{model.config.get_project_name()}: nothing was written yet: call "
                             "compile() or write()")
    assert isinstance(design, Design)
    return design


def compile_simulator(model: Any) -> None:
    """Compile the simulator, which is kept, by running one frame of zeros through it."""
    design = _design(model)
    frame = np.zeros((1, *design.network.input.shape), np.int64)
    _simulated(model, design, frame, "verilator", recorded=False)  # it proves nothing


def predict(model: Any, x: np.ndarray, engine: str) -> np.ndarray:
    """See :meth:`.QuantloomBackend.predict`."""
    if engine not in ENGINES:
        raise QuantloomError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    design = _design(model)
    network, end = design.network, design.network.source_input
    assert end is not None
    x = np.asarray(x)
    if not np.isfinite(x).all():
        raise QuantloomError(f"{network.name}: inputs must be finite")
    if x.size == 0 or x.size % end.order.size:
        raise QuantloomError(f"{network.name}: inputs must have the shape "
                             f"(frames, {', '.join(map(str, end.shape))}), not {x.shape}")
    type_ = input_type(model)
    # As ap_fixed converts a double. No input type has more binary places than these.
    fine = 40
    scaled = np.floor(np.ldexp(x.astype(np.float64), fine)).astype(np.int64)
    integers = np.empty((x.size // end.order.size, end.order.size), np.int64)
    integers[:, end.order.ravel()] = type_.cast(scaled, fine).reshape(integers.shape)
    frames = integers.reshape(-1, *network.input.shape)
    outputs = golden.run(network, frames)[network.output] if engine == "golden" \
        else _simulated(model, design, frames, engine)
    reals = dequantize(network, integers_to_source(network, outputs)).reshape(len(frames), -1)
    result = reals.astype(x.dtype if np.issubdtype(x.dtype, np.floating) else np.float64)
    return result[0] if len(frames) == 1 else result


def _simulated(model: Any, design: Design, frames: np.ndarray, engine: str, *,
               recorded: bool = True) -> np.ndarray:
    report = simulate_design(design, Path(model.config.get_output_dir()), frames, engine=engine,
                             stress=False, seed=0, recorded=recorded)
    if not report.ok:
        raise QuantloomError(f"{design.network.name}: the Verilog differs from the golden model: "
                             f"{report.first_mismatch or report.deadlock}")
    return np.asarray(report.outputs)


def build(model: Any, output: Path) -> dict[str, Any]:
    """See :meth:`.QuantloomBackend.build`."""
    design = _design(model)
    part = find_part(model.config.get_config_value("Part") or DEFAULT_PART)
    found = synthesise(design.dataflow, output, core(design.dataflow, output),
                       Target.of_part(part), clock=design.clock, place=False)
    cycles = design.dataflow.interval
    return {
        "cycles": cycles, "images_per_second": design.clock * 1e6 / cycles,
        "estimate": shown(dataflow_resources(design.dataflow)), **found.to_json(),
    }
