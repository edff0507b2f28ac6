"""Whether a register map says all that the driver takes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...rtl_templates.types import IntType

__all__ = ["map_problem"]

_KINDS = {str: "text", int: "a whole number of 32 bits", list: "a list"}
_STREAM: Mapping[str, type] = {"type": str, "lanes": int, "beats": int}
_ENTRIES: Mapping[str, Mapping[str, type]] = {
    "streams": {"name": str, "tensor": str, **_STREAM},
    "fifos": {"name": str, "depth": int},
    "registers": {"name": str, "offset": int, "reset": int, "fields": list},
}
_FIELD: Mapping[str, type] = {"name": str, "low": int, "width": int, "doc": str}

_SIDES = ("in", "out")
_REGISTERS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((
        "magic", "version", *(f"hash_{k}" for k in range(4)), "errors", "irq_status", "frames_in",
        "frames_out", "cycles_low", "cycles_high", "latency", "interval", "read_error_frame",
        "write_error_frame", "fifo_mark", "capture_count", "capture_data",
        *(f"{side}_{what}" for side in _SIDES
          for what in ("address", "stride", "length", "done"))), frozenset()),
    **{f"{side}_frames": frozenset({"value"}) for side in _SIDES},
    "control": frozenset({"reset", "run"}), "status": frozenset({"resetting"}),
    "irq_enable": frozenset({"out_done", "error"}), "fifo_index": frozenset({"value"}),
    "capture_select": frozenset({"stream", "word"}), "capture_skip": frozenset({"value"}),
    "capture_control": frozenset({"arm"}), "capture_index": frozenset({"value"}),
}  # fmt: skip
"""Registers that the driver uses, and the fields of them that it sets or looks at by name."""


def map_problem(value: Mapping[str, Any]) -> str | None:
    """What a register map lacks, in words; None if nothing.

    Parameters
    ----------
    value : mapping
        Content of registers.json.
    """
    if not isinstance(value.get("hash"), str):
        return "the hash is no text"
    for key in ("span", "capture_words", "memory_bytes", "baud"):
        if (value.get(key) is not None or key == "span") and not _is(value.get(key), int):
            return f"{key} is no whole number of 32 bits"
    if not value.get("capture_words"):
        return "capture_words is no positive number"
    for end in ("input", "output"):
        if problem := _lacks(end, value.get(end), _STREAM):
            return problem
    for key, kinds in _ENTRIES.items():
        if not isinstance(value.get(key), list):
            return f"{key} is no list"
        for entry in value[key]:
            if problem := _lacks(key, entry, kinds):
                return problem
    return _registers_problem(value["registers"], value["span"])


def _registers_problem(registers: list[dict[str, Any]], span: int) -> str | None:
    fields: dict[str, set[str]] = {}
    taken: set[int] = set()
    for register in registers:
        name, offset = register["name"], register["offset"]
        if offset % 4 or offset >= span or offset in taken or name in fields:
            return f"register {name} has no word of its own within {span} bytes"
        for field in register["fields"]:
            if problem := _lacks(name, field, _FIELD):
                return problem
            if not field["width"] or field["low"] + field["width"] > 32:
                return f"field {field['name']} of {name} has no place in 32 bits"
        taken.add(offset)
        fields[name] = {field["name"] for field in register["fields"]}
    for name, wanted in _REGISTERS.items():
        if not fields.get(name) or not wanted <= fields[name]:
            return f"register {name} is missing, or fields of it"
    return None


def _lacks(where: str, entry: Any, kinds: Mapping[str, type]) -> str | None:
    if not isinstance(entry, dict):
        return f"an entry of {where} is no object"
    for key, kind in kinds.items():
        if not _is(entry.get(key), kind):
            return f"{where} has no {key} that is {_KINDS[kind]}"
    if "type" in kinds:
        try:
            IntType.parse(entry["type"])
        except ValueError as error:
            return f"{where}: {error}"
        if min(entry["lanes"], entry["beats"]) < 1:
            return f"{where} has no lanes or no beats"
    return None


def _is(value: Any, kind: type) -> bool:
    if kind is int:
        return type(value) is int and 0 <= value < 1 << 32
    return type(value) is kind
