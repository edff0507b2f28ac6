"""The shell around an accelerator: its parameters, Verilog, register map and documents."""

from .shell import SHELLS, ShellKind, board_top, write_shell

__all__ = ["SHELLS", "ShellKind", "board_top", "write_shell"]
