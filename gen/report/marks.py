"""SVG as text, and numbers as one reads them."""

from __future__ import annotations

from math import floor, log10
from typing import Any

from markupsafe import Markup, escape

__all__ = ["number", "ratio", "short", "tag", "text"]


def tag(_name: str, *content: str, **attributes: Any) -> Markup:
    """An element. Underscores in names of attributes are hyphens; ``class_`` is ``class``."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items() if value is not None)
    inside = "".join(str(escape(part)) for part in content)
    return Markup(f"<{_name}{pairs}>{inside}</{_name}>" if content else f"<{_name}{pairs}/>")


def text(x: float, y: float, content: str, **attributes: Any) -> Markup:
    """A line of text."""
    return tag("text", content, x=x, y=y, **attributes)


def _plain(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """A number with its thousands marked, as exact as is of use."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"),
             (1e-9, "n"), (1e-12, "p"))


def short(value: float, unit: str = "") -> str:
    """Three digits and a prefix: 61.3 M, 1.25 mW."""
    if value == 0:
        return f"0 {unit}".strip()
    size = abs(value)
    scale, prefix = next(((s, p) for s, p in _PREFIXES if size >= s * 0.9995), _PREFIXES[-1])
    scaled = value / scale
    digits = max(0, 2 - floor(log10(abs(scaled)))) if abs(scaled) >= 1e-3 else 3
    shown = f"{scaled:.{digits}f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return f"{shown} {prefix}{unit}".strip()


def ratio(value: float) -> str:
    """A share in per cent."""
    return f"{value:.0%}" if value >= 0.1 or value == 0 else f"{value:.1%}"
