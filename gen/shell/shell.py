"""Writing a shell beside an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from amaranth.lib import wiring

from ...boards.board import Board
from ...rtl_templates.shell.axi_top import AxiTop
from ...rtl_templates.shell.params import ShellParams, register_map
from ...rtl_templates.shell.zynq import REGISTERS_BASE, ZynqTop
from ..dataflow.graph import Dataflow
from ..design import Design
from ..errors import QuantloomError
from ..synth import Top
from . import documents
from .describe import shell_params
from .verilog import shell_verilog, tapped_verilog

__all__ = ["SHELLS", "ShellKind", "board_top", "write_shell"]


@dataclass(frozen=True)
class ShellKind:
    """A kind of shell.

    Parameters
    ----------
    name : str
        The top module is ``<accelerator>_<name>``.
    title : str
    create : callable
        From the shell's parameters to the top.
    base : int or None
        Address of the registers, if the kind says.
    """

    name: str
    title: str
    create: Callable[[ShellParams], wiring.Component]
    base: int | None = None


SHELLS: Mapping[str, ShellKind] = {kind.name: kind for kind in (
    ShellKind("zynq", "accelerator and shell at the processor of a Zynq-7000", ZynqTop,
              REGISTERS_BASE),
    ShellKind("axi", "accelerator and shell behind AXI4-Lite and AXI4", AxiTop),
)}
"""The kinds of shell by name."""


def write_shell(design: Design, directory: Path, kind: str, *, taps: bool = True) -> None:
    """Write ``rtl/<name>_<kind>.v`` and the register map in ``shell/``.

    Parameters
    ----------
    design : Design
    directory : Path
        Output directory with the accelerator's Verilog, which stays as it is.
    kind : str
        One of :data:`SHELLS`.
    taps : bool
        Whether the streams between layers and the levels of FIFOs can be read.

    Raises
    ------
    QuantloomError
        If there is no such kind, or a frame is too large.
    """
    if kind not in SHELLS:
        raise QuantloomError(f"shell must be one of {', '.join(SHELLS)}, not {kind!r}")
    shell, name = SHELLS[kind], design.dataflow.name
    core = directory / "rtl" / f"{name}.v"
    try:
        params = shell_params(design, core.read_bytes(), taps=taps)
    except ValueError as error:
        raise QuantloomError(f"{name}: {error}") from error
    top = f"{name}_{kind}"
    verilog = shell_verilog(shell.create(params), top, core=name, title=shell.title)
    if taps:
        verilog += "\n" + tapped_verilog(core.read_text(), params, name)
    (directory / "rtl" / f"{top}.v").write_text(verilog)
    registers, folder = register_map(params), directory / "shell"
    folder.mkdir()
    described = documents.Described(design, shell.name, shell.base, params, registers)
    for file, make in documents.DOCUMENTS.items():
        (folder / file).write_text(make(described))
    if kind == "axi":
        (folder / "component.xml").write_text(documents.ip_xact(described))


def board_top(dataflow: Dataflow, directory: Path, board: Board, clock: float) -> Top:
    """What is synthesised for a board: the shell that its host needs.

    Parameters
    ----------
    dataflow : Dataflow
    directory : Path
        Output directory.
    board : Board
    clock : float
        In MHz.

    Raises
    ------
    QuantloomError
        If the directory has no such shell.
    """
    top = f"{dataflow.name}_{board.host}"
    sources = tuple(directory / "rtl" / f"{name}.v" for name in (dataflow.name, top))
    if not sources[1].is_file():
        raise QuantloomError(f"{directory}: has no shell for {board.title}; generate it with "
                             f"--board {board.name}")
    # The clock is a net behind the processor, not a port.
    return Top(top, sources, core="shell.core", clocks={"get_nets clk": clock})
