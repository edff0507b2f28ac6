"""The shell around an accelerator: its parameters, Verilog, register map and documents."""

from .describe import shell_sites
from .shell import SHELLS, ShellKind, board_top, write_shell

__all__ = ["SHELLS", "ShellKind", "board_top", "shell_sites", "write_shell"]
