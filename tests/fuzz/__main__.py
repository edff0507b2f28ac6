"""``python -m tests.fuzz networks | files``: fuzzing for as long as wanted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from quantloom.gen.cli.options import natural, positive, positive_real

from .hunt import hunt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    networks = kinds.add_parser("networks", help="random networks through the Verilog")
    networks.add_argument("--count", type=positive, metavar="N")
    networks.add_argument("--minutes", type=positive_real, metavar="M")
    networks.add_argument("--seed", type=natural, default=0, metavar="S",
                          help="of the first network; the next ones count up")
    networks.add_argument("--engine", action="append", choices=["verilator", "cxxrtl", "icarus"],
                          help="that every network runs in (default verilator)")
    networks.add_argument("--second", type=natural, default=10, metavar="K",
                          help="every so many also run in CXXRTL (default %(default)s; 0: none)")
    files = kinds.add_parser("files", help="damaged files through the command line")
    files.add_argument("--count", type=positive, metavar="N")
    files.add_argument("--minutes", type=positive_real, metavar="M")
    files.add_argument("--seed", type=natural, default=0, metavar="S",
                       help="of the first file; the next ones count up")
    files.add_argument("--only", action="append", metavar="KIND", help="kind of files")
    files.add_argument("--keep", type=Path, default=Path("build/fuzz"), metavar="DIR",
                       help="for files that show a problem (default %(default)s)")
    files.add_argument("--replay", action="store_true",
                       help="run the files that were handled badly once")
    return parser


def main() -> int:
    """Run it; 1 if anything failed."""
    arguments = _parser().parse_args()
    count = arguments.count if arguments.minutes or arguments.count else 100
    if arguments.kind == "files":
        from .files import KINDS, hunt_files, replay

        if arguments.replay:
            return int(replay() > 0)
        kinds = arguments.only or list(KINDS)
        return int(hunt_files(arguments.seed, count, arguments.minutes, kinds, arguments.keep) > 0)
    return int(hunt(arguments.seed, count, arguments.minutes, arguments.engine or ["verilator"],
                    arguments.second) > 0)


sys.exit(main())
