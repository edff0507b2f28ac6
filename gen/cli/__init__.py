"""The command ``quantloom``."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from ..errors import QuantloomError, TargetError
from ..output import NO_SPACE
from . import (
    boards,
    budget,
    demo,
    estimate,
    explore,
    generate,
    inspect,
    quantise,
    run,
    simulate,
    synth,
)
from .terminal import error

__all__ = ["main", "make_parser"]

EXIT_OK, EXIT_MISMATCH, EXIT_USAGE = 0, 1, 2


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with all commands."""
    parser = argparse.ArgumentParser(
        prog="quantloom",
        description="Quantised neural networks to streaming FPGA accelerators, bit for bit.")
    parser.add_argument("--version", action="version", version=f"quantloom {version('quantloom')}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (demo, inspect, quantise, generate, simulate, estimate, explore, synth, run,
                   budget, boards):
        module.register(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    int
        0 if all is well, 1 for a mismatch or a missed target, 2 for bad input or usage.
    """
    arguments = make_parser().parse_args(argv)
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
        where = problem.filename or arguments.command
        error(f"{where}: {problem.strerror or problem}"
              + (f": {NO_SPACE}" if problem.errno in (errno.ENOSPC, errno.EDQUOT) else ""))
        return EXIT_USAGE
    except RecursionError:
        if arguments.debug:
            raise
        error(f"{arguments.command}: a file is nested too deeply: it is damaged")
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
