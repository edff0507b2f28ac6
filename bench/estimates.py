"""Estimates of areas against netlists, on designs that no fit has seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from quantloom.gen.emit import to_verilog
from quantloom.gen.estimate.resources import dataflow_resources
from quantloom.rtl_templates.resources import Resources

from .designs import SharedModelMissing
from .held_out import held_out
from .measure import FAMILIES, measure, measured
from .table import Row, group

__all__ = ["Tested", "summary", "tested"]

_TYPICAL, _WORST = 5.0, 15.0
"""Percent that half of the designs, and all of them, may be off."""


@dataclass(frozen=True)
class Tested:
    """A design: what was estimated, and what its netlist takes."""

    name: str
    said: Resources
    found: Resources

    def error(self, kind: str) -> float:
        """How far the estimate is off, in percent of what the netlist takes."""
        found = getattr(self.found, kind)
        return 100 * abs(getattr(self.said, kind) - found) / max(1, found)


def tested(family: str, *, known: bool = False) -> list[Tested]:
    """The held-out designs that can be made here.

    Parameters
    ----------
    family : str
    known : bool
        Only those that were measured before.
    """
    results = []
    for name, make in held_out():
        try:
            design = make()
        except SharedModelMissing:
            continue
        module = (to_verilog(design.dataflow), design.network.name)
        if known and measured(module, family) is None:
            continue
        results.append(Tested(name, dataflow_resources(design.dataflow, family),
                              measure({name: module}, family)[name]))
    return results


def summary(results: Sequence[Tested]) -> dict[str, Any]:
    """Errors in percent, and how many designs have other block RAMs or DSPs than estimated."""
    value: dict[str, Any] = {"designs": len(results)}
    for kind in ("lut", "ff"):
        errors = [result.error(kind) for result in results]
        value[f"{kind}_median"] = round(median(errors), 2)
        value[f"{kind}_worst"] = round(max(errors), 2)
    for kind in ("bram18", "dsp"):
        value[f"{kind}_inexact"] = sum(getattr(r.said, kind) != getattr(r.found, kind)
                                       for r in results)
    return value


@group
def estimates() -> Iterator[Row]:
    """Estimates of held-out designs."""
    for family in FAMILIES:
        results = tested(family)
        errors = summary(results)
        of = f"{family}, {errors['designs']} held-out designs"
        for kind, what in (("lut", "LUTs"), ("ff", "FF")):
            for half, most in (("median", _TYPICAL), ("worst", _WORST)):
                yield Row(name=f"{of}: error of the estimate of {what}, {half}", unit="%",
                          measured=errors[f"{kind}_{half}"], target=most)
        for kind, what in (("bram18", "block RAMs"), ("dsp", "DSPs")):
            yield Row(name=f"{of}: inexact estimates of {what}", target=0,
                      measured=errors[f"{kind}_inexact"])
        for result in results:
            note = ", ".join(f"{what} {getattr(result.said, kind):,.0f} / "
                             f"{getattr(result.found, kind):,.0f}" for kind, what in
                             (("lut", "LUT"), ("ff", "FF"), ("bram18", "BRAM"), ("dsp", "DSP")))
            yield Row(name=f"{family}, {result.name}: error of the estimate of LUTs", unit="%",
                      measured=round(result.error("lut"), 1), target=_WORST,
                      note=f"estimated / in the netlist: {note}")
