"""Shells around an accelerator: registers, memory, and the way to a host."""

from .describe import shell_sites
from .kinds import DEFAULT_BAUD, SHELLS, Surroundings
from .shell import write_shell

__all__ = ["DEFAULT_BAUD", "SHELLS", "Surroundings", "shell_sites", "write_shell"]
