"""Options that say what stands around the accelerator."""

from __future__ import annotations

import argparse

from ...boards.board import BOARDS, BoardError, board
from ...boards.parts import PARTS
from ..dataflow.fold import UTILISATION
from ..errors import QuantloomError
from ..shell import SHELLS, shell_sites

__all__ = ["add_shell", "settle_shell"]


def add_shell(parser: argparse.ArgumentParser) -> None:
    """Add the options of the shell."""
    group = parser.add_argument_group(
        "shell", "Registers and DMA around the accelerator, in rtl/NAME_zynq.v or rtl/NAME_axi.v, "
        "with the register map in shell/.")
    group.add_argument("--shell", choices=list(SHELLS), help="zynq: with the processor of a "
                       "Zynq-7000, ready for synthesis; axi: with AXI4-Lite and AXI4 "
                       "ports, for a block design, with IP-XACT")
    group.add_argument("--board", metavar="NAME",
                       help=f"the part of a board ({', '.join(BOARDS)}, or a file in the form of "
                       "amaranth-boards), and the shell that its host needs")
    group.add_argument("--taps", action=argparse.BooleanOptionalAction, default=True,
                       help="let the shell look at the streams between layers and at FIFOs")


def settle_shell(arguments: argparse.Namespace) -> None:
    """What a board says, where the command line does not; and room for the shell.

    Raises
    ------
    QuantloomError
        If the board is unknown, or nothing is known to stand between its host and an accelerator.
    """
    if arguments.board is not None:
        _settle_board(arguments)
    if arguments.shell is not None and (arguments.part or "").upper() in PARTS:
        # What the shell takes is not the accelerator's.
        part = PARTS[arguments.part.upper()]
        sites = shell_sites(taps=arguments.taps)
        share = (arguments.utilisation or UTILISATION) - sites / part.luts
        if share <= 0:
            raise QuantloomError(f"{part.name}: the shell alone takes {sites:,} LUT sites of "
                                 f"{part.luts:,}; raise --utilisation")
        arguments.utilisation = share


def _settle_board(arguments: argparse.Namespace) -> None:
    try:
        chosen = board(arguments.board)
        part, host = chosen.part.name, chosen.host
    except BoardError as error:
        raise QuantloomError(f"--board: {error}") from None
    if arguments.shell is None and host not in SHELLS:
        raise QuantloomError(f"--board: there is no shell for {chosen.title}, which a host reaches "
                             f"by {host}; give --part {part} for the accelerator alone")
    arguments.shell = arguments.shell or host
    arguments.part = arguments.part or part
