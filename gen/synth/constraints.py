"""Pins and clocks in the languages of the placers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...boards.target import Pin

__all__ = ["lpf", "xdc"]


def lpf(pins: Sequence[Pin], clocks: Mapping[str, float]) -> str:
    """Constraints for the ECP5; clocks in MHz, by port."""
    return "\n".join([
        *(f'FREQUENCY PORT "{port}" {mhz:g} MHZ;' for port, mhz in clocks.items()),
        *(line for pin in pins
          for line in (f'LOCATE COMP "{pin.port}" SITE "{pin.pin}";', f'IOBUF PORT "{pin.port}" '
                       + " ".join(f"{k}={v}" for k, v in pin.attributes.items()) + ";")),
    ]) + "\n"  # fmt: skip


def xdc(pins: Sequence[Pin], clocks: Mapping[str, float]) -> str:
    """Constraints for the 7-series; clocks in MHz, by port or by what ``create_clock`` is given."""
    return "\n".join([
        *(f"create_clock -name {target.split()[-1]} -period {1000 / mhz:.3f} "
          f"[{target if ' ' in target else f'get_ports {target}'}]"
          for target, mhz in clocks.items()),
        *(line for pin in pins
          for line in (f"set_property PACKAGE_PIN {pin.pin} [get_ports {pin.port}]",
                       *(f"set_property {k} {v} [get_ports {pin.port}]"
                         for k, v in pin.attributes.items()))),
    ]) + "\n"  # fmt: skip
