"""Models of the cells of a synthesised netlist."""

from __future__ import annotations

import re
from pathlib import Path

from ..gen.synth.xilinx import cell_models
from .template import fill

__all__ = ["netlist_models"]


# Kilobits of data, of a RAMB18E1 and a RAMB36E1.
_SIZES = {"RAMB18E1": 16, "RAMB36E1": 32}


def netlist_models(directory: Path) -> Path:
    """A Verilog file with the models of all cells of a 7-series netlist.

    Those that Yosys brings, whose block RAMs have ports but do nothing: these are replaced.

    Parameters
    ----------
    directory : Path
        Receives the file.

    Raises
    ------
    QuantloomError
        If Yosys is not installed.
    """
    empty = re.compile(rf"^module ({'|'.join(_SIZES)}) .*?^endmodule$", re.M | re.S)
    models = empty.sub("", cell_models().read_text())
    written = directory / "cells.v"
    written.write_text("\n".join([models, *(fill("ramb.v", _block_ram(name)) for name in _SIZES)]))
    return written


def _block_ram(name: str) -> dict[str, object]:
    """What the two sizes of block RAM differ in (UG473, chapter 1)."""
    bits = _SIZES[name] * 1024
    data, parity = bits // 256, bits // 8 // 256
    texts = {kind: [f"{kind}_{k:02X}" for k in range(count)]
             for kind, count in (("INIT", data), ("INITP", parity))}
    large = name == "RAMB36E1"
    unused = ("  input CASCADEINA, CASCADEINB, INJECTDBITERR, INJECTSBITERR,\n"
              "  output CASCADEOUTA, CASCADEOUTB, DBITERR, SBITERR,\n"
              "  output [7:0] ECCPARITY,\n  output [8:0] RDADDRECC,\n") if large else ""
    return {
        "name": name, "bits": bits, "unused": unused,
        "parameters": "".join(f"  parameter [255:0] {text} = 0,\n"
                              for group in texts.values() for text in group),
        "data_init": ", ".join(reversed(texts["INIT"])),
        "parity_init": ", ".join(reversed(texts["INITP"])),
        "high": 35 if large else 17, "data": 31 if large else 15, "parity": 3 if large else 1,
        "address": 15 if large else 13,
        "enables_a": 3 if large else 1, "enables_b": 7 if large else 3,
    }  # fmt: skip
