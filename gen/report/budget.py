"""A design's size and speed against a stored baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from ..output import file_hash
from ..stored import load_json

__all__ = ["Change", "baseline_of", "compare", "read_baseline"]

FORMAT = 1
"""Version of a baseline's file."""

RESOURCES = {"lut": "LUT sites", "ff": "FF", "bram36": "BRAM36", "dsp": "DSP"}


@dataclass(frozen=True)
class Change:
    """A number then and now.

    Parameters
    ----------
    name : str
        What it counts, and how it was found: ``LUT sites (synthesis)``.
    before, after : float
    """

    name: str
    before: float
    after: float

    def grew(self, slack: float) -> bool:
        """Whether it is larger by more than a share of what it was."""
        return self.after > self.before * (1 + slack)


def baseline_of(record: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The numbers of a report that a later design is held against.

    Areas are those of synthesis where it has run, else estimates; cycles and latency those of the
    simulation, else of the schedule. Numbers of other Verilog than the directory's do not count.

    Parameters
    ----------
    record : mapping
        Content of report.json.
    directory : Path
        The design's.
    """
    found, proof, synthesis = record["estimate"], record["verification"], record["synthesis"]
    verilog = directory / "rtl" / f"{found['name']}.v"
    if proof is not None and (not proof["ok"] or proof["interval_cycles"] is None
                              or proof["verilog"]["sha256"] != file_hash(verilog)):
        proof = None
    area, speed = synthesis or found["total"], proof or found
    way, how = "synthesis" if synthesis else "estimate", "simulation" if proof else "schedule"
    target = {"target": synthesis["target"]} if synthesis else {"target": found["part"]}
    return {
        "format": FORMAT, "design": found["name"], **target,
        "numbers": {
            **{f"{name} ({way})": area["resources"][key] for key, name in RESOURCES.items()},
            f"cycles a frame ({how})": speed["interval_cycles"],
            f"latency in cycles ({how})": speed["latency_cycles"],
        },
    }  # fmt: skip


def read_baseline(file: Path) -> dict[str, Any]:
    """What :func:`baseline_of` gave, from a file.

    Raises
    ------
    QuantloomError
        If it is none.
    """
    remedy = "write one with --update"
    try:
        value = load_json(file)
    except FileNotFoundError:
        raise QuantloomError(f"{file}: no baseline there; {remedy}") from None
    except OSError as error:
        raise QuantloomError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise QuantloomError(f"{file}: not a baseline: {error}; {remedy}") from error
    numbers = value.get("numbers") if isinstance(value, dict) else None
    if value.get("format") != FORMAT if isinstance(value, dict) else True:
        raise QuantloomError(f"{file}: not a baseline of format {FORMAT}; {remedy}")
    if not isinstance(numbers, dict) or not all(
            type(number) in (int, float) for number in numbers.values()):
        raise QuantloomError(f"{file}: its numbers are no numbers; {remedy}")
    return value


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Numbers then and now, in the order of the baseline.

    Raises
    ------
    QuantloomError
        If the two cannot be compared: another design or target, or numbers found in another way.
    """
    for key in ("design", "target"):
        if before.get(key) != after[key]:
            raise QuantloomError(f"the baseline is of {key} {before.get(key)}, not {after[key]}; "
                                 "write one with --update")
    missing = [name for name in before["numbers"] if name not in after["numbers"]]
    if missing:
        raise QuantloomError(f"the design has no {', '.join(missing)}, which the baseline has: "
                             "run 'quantloom simulate' and 'quantloom synth' on it as before")
    return [Change(name, number, after["numbers"][name])
            for name, number in before["numbers"].items()]
