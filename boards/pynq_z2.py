"""TUL PYNQ-Z2, in the form of amaranth-boards."""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import (
    ButtonResources,
    LEDResources,
    RGBLEDResource,
    SwitchResources,
)

__all__ = ["PynqZ2Platform"]

_LVCMOS33 = Attrs(IOSTANDARD="LVCMOS33")


class PynqZ2Platform(XilinxPlatform):  # type: ignore[misc]
    """Pins as in TUL's PYNQ-Z2 v1.0.xdc."""

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    resources = (
        Resource("clk125", 0, Pins("H16", dir="i"), Clock(125e6), _LVCMOS33),
        *LEDResources(pins="R14 P14 N16 M14", attrs=_LVCMOS33),
        RGBLEDResource(0, r="N15", g="G17", b="L15", attrs=_LVCMOS33),
        RGBLEDResource(1, r="M15", g="L14", b="G14", attrs=_LVCMOS33),
        *ButtonResources(pins="D19 D20 L20 L19", attrs=_LVCMOS33),
        *SwitchResources(pins="M20 M19", attrs=_LVCMOS33),
    )
    connectors = ()
