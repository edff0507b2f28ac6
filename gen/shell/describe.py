"""What a shell needs to know of a design."""

from __future__ import annotations

import hashlib

from ...rtl_templates.queue import FifoParams
from ...rtl_templates.shell.params import FifoTap, ShellParams, StreamTap
from ..dataflow.graph import Dataflow, Stream
from ..design import Design

__all__ = ["digest_of", "shell_params", "shell_sites", "tapped_name", "tapped_streams"]

SITES, TAP_SITES = 2_500, 500
"""LUT sites of a shell after synthesis, rounded up, and what taps add: measured around a network of
58 streams between 26 tensors."""

MAX_TAPS = 255
"""Streams or FIFOs that a shell's registers can number."""


def digest_of(verilog: bytes) -> bytes:
    """What identifies an accelerator to its driver: the first 16 bytes of a SHA-256."""
    return hashlib.sha256(verilog).digest()[:16]


def shell_sites(*, taps: bool) -> int:
    """LUT sites to set aside for a shell."""
    return SITES + TAP_SITES * taps


def tapped_name(name: str) -> str:
    """Module of an accelerator whose inner streams are ports."""
    return f"{name}_tapped"


def tapped_streams(dataflow: Dataflow) -> list[Stream]:
    """The narrowest stream that carries each tensor, in dataflow order."""
    narrowest: dict[str, Stream] = {}
    for stream in dataflow.streams.values():
        if stream.tensor is None:
            continue
        best = narrowest.get(stream.tensor)
        if best is None or stream.shape.width < best.shape.width:
            narrowest[stream.tensor] = stream
    return list(narrowest.values())[:MAX_TAPS]


def shell_params(design: Design, verilog: bytes, *, taps: bool) -> ShellParams:
    """Parameters of the shell of a design.

    Parameters
    ----------
    design : Design
    verilog : bytes
        The accelerator's file.
    taps : bool
        Whether streams and FIFOs can be looked at.
    """
    dataflow = design.dataflow
    fifos = [FifoTap(block.name, block.params.depth) for block in dataflow.blocks.values()
             if isinstance(block.params, FifoParams)]
    return ShellParams(
        core=tapped_name(dataflow.name) if taps else dataflow.name,
        input=dataflow.streams[dataflow.input].shape,
        output=dataflow.streams[dataflow.output].shape,
        digest=digest_of(verilog), clock=design.clock,
        streams=[StreamTap(stream.name, stream.shape.width)
                 for stream in tapped_streams(dataflow)] if taps else [],
        fifos=fifos[:MAX_TAPS] if taps else [],
    )
