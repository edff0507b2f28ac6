"""The self-checking test bench in the output directory, which runs without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..gen.dataflow.graph import Dataflow
from ..rtl_templates.top import tdata_width
from .template import fill

__all__ = ["write_testbench"]

Array = np.ndarray[Any, Any]


def write_testbench(dataflow: Dataflow, input_words: Array, output_words: Array,
                    directory: Path) -> None:
    """Write ``tb/<name>_tb.v``, ``tb/Makefile``, ``vectors/input.hex`` and ``vectors/output.hex``.

    The bench expects the emitted Verilog in ``rtl``.

    Parameters
    ----------
    dataflow : Dataflow
    input_words, output_words : array of uint32, (frames * beats, words)
        Packed beats of whole frames at the two ends.
    directory : Path
        The output directory.

    Raises
    ------
    ValueError
        If the beats are not those of the same number of whole frames, at least one.
    """
    ends = [dataflow.streams[name].shape for name in (dataflow.input, dataflow.output)]
    frames = {divmod(len(words), shape.beats) for words, shape in
              zip((input_words, output_words), ends, strict=True)}
    if len(frames) != 1 or (count := next(iter(frames)))[1] or count[0] < 1:
        raise ValueError(f"Input and output must be whole frames of {ends[0].beats} and "
                         f"{ends[1].beats} beats, not {len(input_words)} and "
                         f"{len(output_words)} beats")
    values = {
        "top": dataflow.name, "frames": count[0],
        "in_beats": ends[0].beats, "out_beats": ends[1].beats,
        "in_bits": tdata_width(ends[0]), "out_bits": tdata_width(ends[1]),
        # No block is silent for longer than a frame of its own; pauses stretch that.
        "idle_limit": 10_000 + 20 * dataflow.interval
        + sum(block.params.latency for block in dataflow.blocks.values()),
    }  # fmt: skip
    bench, vectors = directory / "tb", directory / "vectors"
    bench.mkdir(parents=True, exist_ok=True)
    vectors.mkdir(exist_ok=True)
    for source, target in (("testbench.v", f"{dataflow.name}_tb.v"), ("testbench.mk", "Makefile")):
        (bench / target).write_text(fill(source, values))
    for name, words, shape in (("input", input_words, ends[0]), ("output", output_words, ends[1])):
        (vectors / f"{name}.hex").write_text(_hex(words, tdata_width(shape)))


def _hex(words: Array, width: int) -> str:
    """One beat a line, most significant digit first."""
    raw = np.ascontiguousarray(words, "<u4").view(np.uint8)[:, : width // 8][:, ::-1]
    digits = np.ascontiguousarray(raw).tobytes().hex()
    step = width // 4
    return "".join(f"{digits[k : k + step]}\n" for k in range(0, len(digits), step))
