"""``python -m tests.fuzz networks | files``: fuzzing for as long as wanted."""

from __future__ import annotations

import argparse
import sys

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
    return parser


def main() -> int:
    """Run it; 1 if anything failed."""
    arguments = _parser().parse_args()
    count = arguments.count if arguments.minutes or arguments.count else 100
    return int(hunt(arguments.seed, count, arguments.minutes, arguments.engine or ["verilator"],
                    arguments.second) > 0)


sys.exit(main())
