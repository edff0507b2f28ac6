"""The kinds of shell, and what each needs of a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from amaranth.lib import wiring

from ...boards.board import Board
from ...rtl_templates.shell.axi_top import AxiTop
from ...rtl_templates.shell.ecp5 import Ecp5Top
from ...rtl_templates.shell.ecp5_pll import PllSettings, pll_settings
from ...rtl_templates.shell.params import BUS_BYTES, ShellParams, frame_bytes
from ...rtl_templates.shell.serial import SerialShell
from ...rtl_templates.shell.zynq import REGISTERS_BASE, ZynqTop
from ..errors import QuantloomError

__all__ = ["DEFAULT_BAUD", "SHELLS", "ShellKind", "Surroundings"]

DEFAULT_BAUD = 1_000_000
"""Of a serial line: what common USB bridges do."""


@dataclass(frozen=True)
class Surroundings:
    """What a shell is made for.

    Parameters
    ----------
    board : Board or None
    baud : int
        Of a serial line.
    """

    board: Board | None = None
    baud: int = DEFAULT_BAUD


class ShellKind:
    """A kind of shell: the top module is ``<accelerator>_<name>``.

    ``base`` is the address of the registers, if the kind says; ``core`` the path of the
    accelerator below the top.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    base: ClassVar[int | None] = None
    core: ClassVar[str]

    def settle(self, params: ShellParams, around: Surroundings) -> ShellParams:
        """The parameters with what the board decides.

        Raises
        ------
        QuantloomError
            If the board does not suit.
        """
        return params

    def create(self, params: ShellParams, around: Surroundings) -> wiring.Component:
        """The top."""
        raise NotImplementedError

    def ports(self, around: Surroundings) -> dict[str, str]:
        """Resource of the board at each port of the top."""
        return {}

    def clocks(self, params: ShellParams, around: Surroundings) -> dict[str, float]:
        """Clocks in MHz, as :class:`.Top` has them."""
        raise NotImplementedError

    def described(self, params: ShellParams, around: Surroundings) -> dict[str, Any]:
        """What a driver needs to know besides the registers."""
        return {}


class _Zynq(ShellKind):
    name, title = "zynq", "accelerator and shell at the processor of a Zynq-7000"
    base, core = REGISTERS_BASE, "shell.core"

    def settle(self, params: ShellParams, around: Surroundings) -> ShellParams:
        if around.board is not None and around.board.host != "zynq":
            raise QuantloomError(f"{around.board.title} has no Zynq: leave out --shell zynq")
        return params

    def create(self, params: ShellParams, around: Surroundings) -> wiring.Component:
        return ZynqTop(params)

    def clocks(self, params: ShellParams, around: Surroundings) -> dict[str, float]:
        return {"get_nets clk": params.clock}  # it comes from the processor, not from a port


class _Axi(ShellKind):
    name, title = "axi", "accelerator and shell behind AXI4-Lite and AXI4"
    core = "shell.core"

    def create(self, params: ShellParams, around: Surroundings) -> wiring.Component:
        return AxiTop(params)

    def clocks(self, params: ShellParams, around: Surroundings) -> dict[str, float]:
        return {"aclk": params.clock}


class _Serial(ShellKind):
    name, title = "serial", "accelerator and shell at a serial line, on an ECP5"
    core = "shell.shell.core"

    def settle(self, params: ShellParams, around: Surroundings) -> ShellParams:
        return replace(params, clock=self._pll(params.clock, around).clock)

    def create(self, params: ShellParams, around: Surroundings) -> wiring.Component:
        settings = self._pll(params.clock, around)
        try:
            shell = SerialShell(params, words=self._words(params), baud=around.baud)
        except ValueError as error:
            raise QuantloomError(f"--baud: {error}") from None
        return Ecp5Top(shell, settings)

    def ports(self, around: Surroundings) -> dict[str, str]:
        board = self._board(around)
        return {"clk": board.platform.default_clk, "rx": "uart.rx", "tx": "uart.tx", "led": "led"}

    def clocks(self, params: ShellParams, around: Surroundings) -> dict[str, float]:
        return {"clk": self._source(self._board(around))}

    def described(self, params: ShellParams, around: Surroundings) -> dict[str, Any]:
        return {"baud": around.baud, "memory_bytes": BUS_BYTES * self._words(params)}

    def _board(self, around: Surroundings) -> Board:
        if around.board is None or around.board.host != "serial":
            raise QuantloomError("a serial shell is made for a board with an ECP5: give --board, "
                                 "see 'quantloom boards'")
        return around.board

    def _pll(self, clock: float, around: Surroundings) -> PllSettings:
        board = self._board(around)
        try:
            return pll_settings(self._source(board), clock)
        except ValueError as error:
            raise QuantloomError(f"{board.title}: {error}") from None

    @staticmethod
    def _source(board: Board) -> float:
        """The board's clock in MHz."""
        return float(board.pins(board.platform.default_clk).clock.frequency) / 1e6

    @staticmethod
    def _words(params: ShellParams) -> int:
        """Memory of a few frames: twice the larger side, and several small ones at a time."""
        larger = max(-(-frame_bytes(shape) // BUS_BYTES)
                     for shape in (params.input, params.output))
        return max(2 * larger, MEMORY_WORDS)


MEMORY_WORDS = 1024
"""Least words of a serial shell's memory: 8 KiB."""

SHELLS: Mapping[str, ShellKind] = {kind.name: kind for kind in (_Zynq(), _Axi(), _Serial())}
"""The kinds of shell by name."""
