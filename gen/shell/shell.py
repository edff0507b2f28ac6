"""Writing a shell beside an accelerator."""

from __future__ import annotations

from pathlib import Path

from ...boards.board import BoardError
from ...rtl_templates.shell.params import register_map
from ..design import Design
from ..errors import QuantloomError
from . import documents
from .describe import shell_params
from .kinds import SHELLS, Surroundings
from .verilog import shell_verilog, tapped_verilog

__all__ = ["write_shell"]


def write_shell(design: Design, directory: Path, kind: str, *, taps: bool = True,
                around: Surroundings | None = None) -> None:
    """Write ``rtl/<name>_<kind>.v`` and the register map in ``shell/``.

    Parameters
    ----------
    design : Design
    directory : Path
        Output directory with the accelerator's Verilog, which stays as it is.
    kind : str
        One of :data:`.SHELLS`.
    taps : bool
        Whether the streams between layers and the levels of FIFOs can be read.
    around : Surroundings or None
        None: no board.

    Raises
    ------
    QuantloomError
        If there is no such kind, the board does not suit it, or a frame is too large.
    """
    if kind not in SHELLS:
        raise QuantloomError(f"shell must be one of {', '.join(SHELLS)}, not {kind!r}")
    shell, name = SHELLS[kind], design.dataflow.name
    around = around or Surroundings()
    core = directory / "rtl" / f"{name}.v"
    try:
        params = shell.settle(shell_params(design, core.read_bytes(), taps=taps), around)
        top = f"{name}_{kind}"
        verilog = shell_verilog(shell.create(params, around), top, core=name, title=shell.title)
        described = documents.Described(design, shell, around, params, register_map(params))
        folder = directory / "shell"
        folder.mkdir()
        for file, make in documents.DOCUMENTS.items():
            (folder / file).write_text(make(described))
        if kind == "axi":
            (folder / "component.xml").write_text(documents.ip_xact(described))
    except BoardError as error:
        raise QuantloomError(str(error)) from None
    except ValueError as error:
        raise QuantloomError(f"{name}: {error}") from error
    if taps:
        verilog += "\n" + tapped_verilog(core.read_text(), params, name)
    (directory / "rtl" / f"{top}.v").write_text(verilog)
