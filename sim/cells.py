"""Models of the cells of a synthesised netlist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..gen.yosys import yosys_share
from .template import fill

__all__ = ["netlist_models"]


def netlist_models(directory: Path, architecture: str) -> Path:
    """A Verilog file with the models of all cells of a netlist.

    Those that Yosys brings; where these have ports but do nothing, own ones.

    Parameters
    ----------
    directory : Path
        Receives the file.
    architecture : str
        Of the part: ``xc7`` or ``ecp5``.

    Raises
    ------
    QuantloomError
        If Yosys is not installed.
    """
    written = directory / "cells.v"
    written.write_text(_ecp5() if architecture == "ecp5" else _xilinx())
    return written


# Kilobits of data, of a RAMB18E1 and a RAMB36E1.
_SIZES = {"RAMB18E1": 16, "RAMB36E1": 32}


def _xilinx() -> str:
    empty = re.compile(rf"^module ({'|'.join(_SIZES)}) .*?^endmodule$", re.M | re.S)
    models = empty.sub("", (yosys_share() / "xilinx" / "cells_sim.v").read_text())
    return "\n".join([models, *(fill("ramb.v", _block_ram(name)) for name in _SIZES)])


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
        "parameters": _parameters(256, [text for group in texts.values() for text in group]),
        "data_init": ", ".join(reversed(texts["INIT"])),
        "parity_init": ", ".join(reversed(texts["INITP"])),
        "high": 35 if large else 17, "data": 31 if large else 15, "parity": 3 if large else 1,
        "address": 15 if large else 13,
        "enables_a": 3 if large else 1, "enables_b": 7 if large else 3,
    }  # fmt: skip


def _ecp5() -> str:
    share = yosys_share() / "ecp5"
    models = [(share / name).read_text() for name in ("common_sim.vh", "ccu2c_sim.vh")]
    contents = [f"INITVAL_{k:02X}" for k in range(64)]
    values = {
        "parameters": _parameters(320, contents), "contents": ", ".join(reversed(contents)),
        "ports": ",\n".join(
            f"  input CE{side}, OCE{side}, CLK{side}, WE{side}, RST{side},\n"
            f"  input CS{side}0, CS{side}1, CS{side}2, {_bits(f'AD{side}', 14)},\n"
            f"  input {_bits(f'DI{side}', 18)},\n  output {_bits(f'DO{side}', 18)}"
            for side in "AB") + "\n",
        **{f"{group}{side}".lower(): _bits(group + side, bits)
           for group, bits in (("AD", 14), ("DI", 18), ("DO", 18)) for side in "AB"},
        "registers": "".join(
            f"  parameter REG_{stage}_CLK = \"NONE\", REG_{stage}_CE = \"CE0\", "
            f"REG_{stage}_RST = \"RST0\",\n"
            for stage in ("INPUTA", "INPUTB", "INPUTC", "PIPELINE", "OUTPUT")),
        "multiplier": f"  input {_bits('A', 18)},\n  input {_bits('B', 18)},\n"
                      f"  input {_bits('C', 18)},\n  output {_bits('P', 36)},\n",
        "a": _bits("A", 18), "b": _bits("B", 18), "p": _bits("P", 36),
    }  # fmt: skip
    # The other cells are in files that these include. Icarus does not take TRELLIS_COMB, which only
    # the placer makes.
    text = re.sub(r"^module TRELLIS_COMB\(.*?^endmodule$", "", "\n".join(models), flags=re.M | re.S)
    return "\n".join(["`define NO_INCLUDES", text, fill("dp16kd.v", values)])


def _parameters(bits: int, names: Sequence[str]) -> str:
    return "".join(f"  parameter [{bits - 1}:0] {name} = 0,\n" for name in names)


def _bits(name: str, count: int) -> str:
    """Ports of one bit each, the highest first."""
    return ", ".join(f"{name}{k}" for k in reversed(range(count)))
