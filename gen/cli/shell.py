"""Options that say what stands around the accelerator."""

from __future__ import annotations

import argparse

from ...boards.board import BOARDS, Board, BoardError, board
from ..dataflow.fold import UTILISATION
from ..errors import QuantloomError
from ..shell import DEFAULT_BAUD, SHELLS, Surroundings, shell_sites
from .options import named_part, positive

__all__ = ["add_shell", "settle_shell"]


def add_shell(parser: argparse.ArgumentParser) -> None:
    """Add the options of the shell."""
    group = parser.add_argument_group(
        "shell", "Registers and memory access around the accelerator, in rtl/NAME_SHELL.v, with "
        "the register map in shell/.")
    group.add_argument("--board", metavar="BOARD",
                       help=f"shell and part of a board: {', '.join(BOARDS)}; or a file in the "
                       "form of amaranth-boards")
    group.add_argument("--shell", choices=list(SHELLS), help="zynq: with the processor of a "
                       "Zynq-7000; axi: with AXI4-Lite and AXI4 ports, for a block design, with "
                       "IP-XACT; serial: at a serial line of an ECP5 board (default: the board's)")
    group.add_argument("--taps", action=argparse.BooleanOptionalAction, default=True,
                       help="let the shell look at the streams between layers and at FIFOs")
    group.add_argument("--baud", type=positive, default=DEFAULT_BAUD, metavar="N",
                       help="bits a second of a serial line (default %(default)s)")


def settle_shell(arguments: argparse.Namespace) -> Surroundings:
    """What a board says, where the command line does not; and room for the shell.

    Raises
    ------
    QuantloomError
        If the board is unknown, or the part has no room for the shell.
    """
    around = Surroundings(_settle_board(arguments), arguments.baud)
    if arguments.shell is not None and arguments.part is not None:
        # What the shell takes is not the accelerator's.
        part = named_part(arguments.part)
        sites = shell_sites(taps=arguments.taps)
        share = (arguments.utilisation or UTILISATION) - sites / part.luts
        if share <= 0:
            raise QuantloomError(f"{part.name}: the shell alone takes {sites:,} LUT sites of "
                                 f"{part.luts:,}; raise --utilisation")
        arguments.utilisation = share
    return around


def _settle_board(arguments: argparse.Namespace) -> Board | None:
    if arguments.board is None:
        return None
    try:
        chosen = board(arguments.board)
        arguments.shell = arguments.shell or chosen.host
        arguments.part = arguments.part or chosen.part.name
    except BoardError as error:
        raise QuantloomError(f"--board: {error}") from None
    return chosen
