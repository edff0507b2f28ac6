"""The shell around an accelerator: its parameters, Verilog, register map and documents."""

from .shell import SHELLS, ShellKind, write_shell

__all__ = ["SHELLS", "ShellKind", "write_shell"]
