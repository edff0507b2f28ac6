"""Switching activity of a design, block by block, as a simulation counted it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from ..output import file_hash

__all__ = ["ACTIVITY", "CLASSES", "Activity", "BlockActivity", "MemoryActivity", "Toggles",
           "load_activity"]  # fmt: skip

ACTIVITY = "activity.json"
"""Name of the file in a design's directory."""

FORMAT = 1
"""Version of the file; another one is refused."""

CLASSES = {
    "payload": "data of the streams that the block produces",
    "handshake": "valid and ready of these streams",
    "register": "registers",
    "logic": "results of expressions: neuron arithmetic, multiplexers, control",
    "product": "results of multiplications of two values",
    "memory": "what memories and tables give",
}
"""Classes of nets."""


@dataclass(frozen=True)
class Toggles:
    """Changes of a class of nets in the counted cycles: bits, and changes of all of them."""

    bits: int
    toggles: int

    def __add__(self, other: Toggles) -> Toggles:
        return Toggles(self.bits + other.bits, self.toggles + other.toggles)


@dataclass(frozen=True)
class MemoryActivity:
    """A memory.

    Parameters
    ----------
    name : str
        Instances within the block and the memory, joined by ``/``.
    style : str
        ``block``, ``logic``, or ``auto`` where synthesis chooses.
    width, depth : int
    reads, writes : int
        Cycles in which ports read and write, summed over the ports.
    """

    name: str
    style: str
    width: int
    depth: int
    reads: int
    writes: int


@dataclass(frozen=True)
class BlockActivity:
    """A block: its classes of nets, those without nets left out, and its memories."""

    classes: Mapping[str, Toggles]
    memories: tuple[MemoryActivity, ...] = ()


@dataclass(frozen=True)
class Activity:
    """Activity in the steady state, whole frames behind one another without pauses.

    Parameters
    ----------
    design : str
    verilog : str
        SHA-256 of the Verilog that was simulated.
    engine : str
    frames, cycles : int
        That were counted; what fills the pipeline is left out.
    blocks : mapping of str to BlockActivity
    """

    design: str
    verilog: str
    engine: str
    frames: int
    cycles: int
    blocks: Mapping[str, BlockActivity]

    def rate(self, block: str, kind: str) -> float | None:
        """Changes a bit and cycle; None where the block has no nets of the class."""
        found = self.blocks[block].classes.get(kind) if block in self.blocks else None
        return found.toggles / (found.bits * self.cycles) if found else None

    def accesses(self, block: str) -> float | None:
        """Reads and writes a cycle of the block's block RAMs, a mean by size; None without any.

        Where none is marked as one, synthesis has made them of the memories that it may choose for.
        """
        every = self.blocks[block].memories if block in self.blocks else ()
        memories = [m for m in every if m.style == "block"] or \
            [m for m in every if m.style == "auto"]
        size = sum(m.width * m.depth for m in memories)
        return sum(m.width * m.depth * (m.reads + m.writes) for m in memories) \
            / (size * self.cycles) if size else None

    def total(self) -> dict[str, Toggles]:
        """The classes over all blocks."""
        return _sum(block.classes for block in self.blocks.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data: counts, and beside them the rates a bit and cycle."""
        def classes(toggles: Mapping[str, Toggles]) -> dict[str, Any]:
            return {kind: {"bits": t.bits, "toggles": t.toggles,
                           "rate": round(t.toggles / (t.bits * self.cycles), 6)}
                    for kind, t in toggles.items()}

        return {
            "format": FORMAT, "design": self.design, "verilog_sha256": self.verilog,
            "engine": self.engine, "frames": self.frames, "cycles": self.cycles,
            "classes": dict(CLASSES), "total": classes(self.total()),
            "blocks": {name: {"classes": classes(block.classes),
                              "memories": [asdict(memory) for memory in block.memories]}
                       for name, block in self.blocks.items()},
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Any) -> Activity:
        """Of plain data.

        Raises
        ------
        ValueError
            If it is not what :meth:`to_json` gives.
        """
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"format {value['format']!r}")
            return cls(
                value["design"], value["verilog_sha256"], value["engine"],
                _whole(value["frames"], 1), _whole(value["cycles"], 1),
                {name: BlockActivity(
                    {kind: Toggles(_whole(t["bits"], 1), _whole(t["toggles"], 0))
                     for kind, t in block["classes"].items()},
                    tuple(MemoryActivity(str(m["name"]), str(m["style"]),
                                         *(_whole(m[key], 0) for key in
                                           ("width", "depth", "reads", "writes")))
                          for m in block["memories"]))
                 for name, block in value["blocks"].items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{error!r}") from error


def _whole(value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{value!r} where a whole number from {least} is due")
    return value


def _sum(parts: Iterable[Mapping[str, Toggles]]) -> dict[str, Toggles]:
    total: dict[str, Toggles] = {}
    for part in parts:
        for kind, toggles in part.items():
            total[kind] = total.get(kind, Toggles(0, 0)) + toggles
    return {kind: total[kind] for kind in CLASSES if kind in total}


def load_activity(directory: Path) -> Activity | None:
    """The activity in a design's directory; None if none was counted.

    Raises
    ------
    QuantloomError
        If it is damaged, or was counted on another Verilog than the directory's.
    """
    path = directory / ACTIVITY
    if not path.is_file():
        return None
    again = f"run 'quantloom simulate {directory} --activity' again"
    try:
        activity = Activity.from_json(json.loads(path.read_text()))
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise QuantloomError(f"{path}: not a file of switching activity ({error}); "
                             f"{again}") from error
    verilog = directory / "rtl" / f"{activity.design}.v"
    if not verilog.is_file() or file_hash(verilog) != activity.verilog:
        raise QuantloomError(f"{path}: was counted on another Verilog than {verilog} is now; "
                             f"{again}, or remove the file")
    return activity
