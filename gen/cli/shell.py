"""Options that say what stands around the accelerator."""

from __future__ import annotations

import argparse

from ...boards.boards import BOARDS, board
from ..errors import QuantloomError
from ..shell import SHELLS

__all__ = ["add_shell", "settle_board"]


def add_shell(parser: argparse.ArgumentParser) -> None:
    """Add the options of the shell."""
    group = parser.add_argument_group(
        "shell", "Registers and DMA around the accelerator, in rtl/NAME_zynq.v or rtl/NAME_axi.v, "
        "with the register map in shell/.")
    group.add_argument("--shell", choices=list(SHELLS), help="zynq: with the processor of a "
                       "Zynq-7000, ready for synthesis; axi: with AXI4-Lite and AXI4 "
                       "ports, for a block design, with IP-XACT")
    group.add_argument("--board", metavar="NAME",
                       help=f"shell and part of a board: {', '.join(BOARDS)}")
    group.add_argument("--taps", action=argparse.BooleanOptionalAction, default=True,
                       help="let the shell look at the streams between layers and at FIFOs")


def settle_board(arguments: argparse.Namespace) -> None:
    """What a board says, where the command line does not.

    Raises
    ------
    QuantloomError
        If the board is unknown.
    """
    if arguments.board is None:
        return
    try:
        chosen = board(arguments.board)
    except ValueError as error:
        raise QuantloomError(str(error)) from None
    arguments.shell = arguments.shell or chosen.shell
    arguments.part = arguments.part or chosen.part
