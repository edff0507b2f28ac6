"""Digilent Zybo Z7-10 and Zybo, in the form of amaranth-boards."""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import ButtonResources, LEDResources, SwitchResources

__all__ = ["ZyboPlatform", "ZyboZ7_10Platform"]

_LVCMOS33 = Attrs(IOSTANDARD="LVCMOS33")


class _Zynq10Platform(XilinxPlatform):  # type: ignore[misc]
    device = "xc7z010"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    connectors = ()


class ZyboZ7_10Platform(_Zynq10Platform):
    """Pins as in Digilent's Zybo-Z7-Master.xdc."""

    resources = (
        Resource("clk125", 0, Pins("K17", dir="i"), Clock(125e6), _LVCMOS33),
        *LEDResources(pins="M14 M15 G14 D18", attrs=_LVCMOS33),
        *ButtonResources(pins="K18 P16 K19 Y16", attrs=_LVCMOS33),
        *SwitchResources(pins="G15 P15 W13 T16", attrs=_LVCMOS33),
    )


class ZyboPlatform(_Zynq10Platform):
    """Pins as in Digilent's Zybo-Master.xdc."""

    resources = (
        Resource("clk125", 0, Pins("L16", dir="i"), Clock(125e6), _LVCMOS33),
        *LEDResources(pins="M14 M15 G14 D18", attrs=_LVCMOS33),
        *ButtonResources(pins="R18 P16 V16 Y16", attrs=_LVCMOS33),
        *SwitchResources(pins="G15 P15 W13 T16", attrs=_LVCMOS33),
    )
