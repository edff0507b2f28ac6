"""Names of operations: speaking, safe in Verilog, unique."""

from __future__ import annotations

import re

from ..verilog_names import KEYWORDS, is_wire

__all__ = ["Names", "speaking"]

# Parts of module paths that exporters write and that say nothing.
_NOISE = frozenset({"export_handler", "act_quant", "input_quant", "output_quant", "weight_quant",
                    "tensor_quant", "quant", "fused_activation_quant_proxy", "model", ""})
_GENERIC = re.compile(r"(?:int|bipolar)?quant|multithreshold|trunc")


class Names:
    """Gives out the names of one network's operations."""

    def __init__(self) -> None:
        # "input" is the input tensor's name.
        self._taken = {"input", "output"}

    def take(self, *candidates: str) -> str:
        """The first candidate that is free, else the last with a number."""
        names = [_safe(c) for c in candidates if c]
        name = next((n for n in names if n not in self._taken), None)
        count = 2
        while name is None:
            numbered = f"{names[-1]}_{count}"
            name = None if numbered in self._taken else numbered
            count += 1
        self._taken.add(name)
        return name

    def numbered(self, kind: str) -> str:
        """``kind`` with the lowest free number from 0, for nodes without a name."""
        count = 0
        while f"{kind}{count}" in self._taken:
            count += 1
        return self.take(f"{kind}{count}")


def _safe(name: str) -> str:
    name = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")[:64]
    if not name or not name[0].isalpha():
        name = f"n_{name}".rstrip("_")
    return f"{name}_op" if name in KEYWORDS or is_wire(name) else name


def speaking(name: str, op: str) -> str:
    """The telling part of a node's name, or an empty string.

    Exporters write module paths (``/features/conv1/Conv``) or the operation and a number
    (``Conv_5``); the path without its noise is kept. A quantiser that is called after its own
    operation says nothing.
    """
    parts = [p for p in name.split("/") if p.lower() not in _NOISE]
    own = re.compile(rf"{re.escape(op)}(_\d+)?", re.IGNORECASE)
    if len(parts) > 1 and own.fullmatch(parts[-1]):
        parts.pop()
    text = "_".join(parts)
    if _GENERIC.fullmatch(re.sub(r"_?\d+$", "", text.lower())):
        return ""
    return text
