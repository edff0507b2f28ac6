"""The command ``quantloom``."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from ..errors import QuantloomError, TargetError
from ..output import why
from .terminal import error

__all__ = ["COMMANDS", "main", "make_parser"]

EXIT_OK, EXIT_MISMATCH, EXIT_USAGE = 0, 1, 2


COMMANDS = ("demo", "inspect", "quantise", "generate", "simulate", "estimate", "explore", "synth",
            "run", "budget", "boards")
"""In the order of the help; each is a module of this package."""


def make_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the command line, with some commands or all."""
    parser = argparse.ArgumentParser(
        prog="quantloom",
        description="Quantised neural networks to streaming FPGA accelerators, bit for bit.")
    parser.add_argument("--version", action="version", version=f"quantloom {version('quantloom')}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    added = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in commands:
        import_module(f".{name}", __package__).register(added)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    int
        0 if all is well, 1 for a mismatch or a missed target, 2 for bad input or usage.
    """
    # Netlists and options are millions of objects that live to the end: to look through them for
    # cycles as often as Python does by itself takes a fifth of the time.
    gc.set_threshold(100_000, 50, 100)
    words = sys.argv[1:] if argv is None else argv
    named = next((word for word in words if not word.startswith("-")), None)
    # What the other commands need takes as long to import as a short command runs.
    arguments = make_parser((named,) if named in COMMANDS else COMMANDS).parse_args(words)
    try:
        result: int = arguments.run(arguments)
        return result
    except QuantloomError as problem:
        if arguments.debug:
            raise
        error(str(problem))
        return EXIT_MISMATCH if isinstance(problem, TargetError) else EXIT_USAGE
    except BrokenPipeError:
        # The reader of our output has gone; leave nothing to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as problem:
        # What a stage did not expect of a file still has a name and a reason.
        if arguments.debug:
            raise
        error(f"{problem.filename or arguments.command}: {why(problem)}")
        return EXIT_USAGE
    except MemoryError:
        if arguments.debug:
            raise
        error(f"{arguments.command}: there is not enough memory for what the files ask for: they "
              "are damaged, or the network is far too large for a chip")
        return EXIT_USAGE
    except KeyboardInterrupt:
        error("interrupted")
        return 130
