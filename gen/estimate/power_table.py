"""Coefficients of the model of power, each with its source.

There is no public table of the energies of a 7-series part. What is public are power reports of
Vivado on routed designs, with the resources used, the clock, the power by kind of resource and the
static current of each supply. The coefficients are derived from these:

=====  ==========  ======  ===================================================================
key    part        MHz     report, in public repositories on GitHub
=====  ==========  ======  ===================================================================
R10    XC7Z010     125     LorenBataraza/RedPitaya-FPGA prj/MCA/out/post_route_power.rpt
R20    XC7Z020     125     the same, prj/v0.94/out/post_route_power.rpt
CPU    XC7Z020     45      Spymotox/cva6-softcore-contest-NRNG fpga/work-sim/
                           power_routed_mnist.txt; activity from a simulation
MLP    XC7Z020     125     ozkanerbatuhan/hft reports/power.rpt; a neural network
SNN    XC7A100T    100     anykrver/neuraedge- reports/power.rpt
E10    XC7Z010     50      sunglen/ebaz4205 .../design_1_wrapper_power_routed.rpt
C20    XC7Z020     50      JustABear1210/conv-64 .../design_1_wrapper_power_routed.rpt
Z100   XC7Z100     50      buloruabutata/ax7z100_pynq .../design_1_wrapper_power_routed.rpt
A35    XC7A35T     100     Azther0z/basys3-ov7670 .../top_power_routed.rpt
Z45    XC7Z045     50      a report quoted in full in the notes of a student's thesis
=====  ==========  ======  ===================================================================

They are a vendor's model, not measurements, and most of them rest on default activity. The reports
do not give toggle rates, so an energy a toggle needs an assumed rate: 0.22 for MLP and SNN, busy
arithmetic, and 0.04 for CPU. The two then agree within a fifth; the ranges are a factor of two to
either side.
"""

from __future__ import annotations

from dataclasses import dataclass

from .ranges import Range

__all__ = ["DEFAULTS", "ENERGIES", "LEAKAGE_PER_KELVIN", "MAXIMUM_PROCESS", "PROCESSING_SYSTEM",
           "STATIC", "Coefficient", "Static"]  # fmt: skip


@dataclass(frozen=True)
class Coefficient:
    """A number of the model: its range, unit, and where it comes from."""

    value: Range
    unit: str
    source: str


ENERGIES: dict[str, Coefficient] = {
    "clock": Coefficient(
        Range(0.025, 0.045, 0.066), "pJ a flip-flop and cycle",
        "clock power over flip-flops and clock: CPU 0.025, C20 0.033, R10 0.042, MLP 0.046, "
        "R20 0.052, SNN 0.066; the tree's spines are in it"),
    "lut": Coefficient(
        Range(0.15, 0.30, 0.60), "pJ a LUT site and toggle",
        "LUT and carry power over LUTs and clock: MLP 0.077, SNN 0.076 pJ a cycle at an assumed "
        "rate of 0.22, CPU 0.012 at 0.04"),
    "register": Coefficient(
        Range(0.015, 0.03, 0.06), "pJ a flip-flop and toggle",
        "register power: MLP 0.0070, SNN 0.0060 pJ a cycle at an assumed rate of 0.22"),
    "net": Coefficient(
        Range(0.15, 0.30, 0.60), "pJ a net and toggle",
        "signal power over nets and clock: MLP 0.080, SNN 0.064 pJ a cycle at an assumed rate of "
        "0.22, CPU 0.009 at 0.04; a LUT or flip-flop drives one net, a stream one more"),
    "glitch": Coefficient(
        Range(1.0, 1.15, 1.5), "toggles of a LUT with glitches to those without",
        "assumed: the simulation has no delays; pipelines with a register every second level "
        "glitch less than the fifth that is reported for FPGA designs in general"),
    "block_ram": Coefficient(
        Range(10.0, 30.0, 50.0), "pJ an access of a RAMB36",
        "block RAM power over RAMB36 and clock: R10 17, SNN 19, MLP 20, R20 24 pJ a cycle; "
        "accesses a cycle are not in the reports, 0.5 to 2 assumed; width is not told apart"),
    "dsp": Coefficient(
        Range(22.0, 45.0, 90.0), "pJ a DSP48E1 and cycle, times its operands' toggle rate",
        "DSP power: MLP 9.8 pJ a cycle with 192 DSPs at an assumed rate of 0.22"),
}
"""Energies of the 7-series logic (Zynq-7000 and Artix-7 at 1.0 V)."""

DEFAULTS: dict[str, Coefficient] = {
    "logic": Coefficient(
        Range(0.03, 0.125, 0.35), "toggles a bit and cycle",
        "Vivado's own default is 0.125; low: a processor; high: the neurons of the embedded digit "
        "classifier as simulated, busy in every cycle, are at 0.3 to 0.44"),
    "register": Coefficient(
        Range(0.03, 0.125, 0.35), "toggles a bit and cycle", "as for logic"),
    "payload": Coefficient(
        Range(0.01, 0.06, 0.30), "toggles a bit and cycle",
        "the streams of the embedded digit classifier as simulated: 0.056 in all, 0.006 to 0.44"),
    "handshake": Coefficient(
        Range(0.01, 0.12, 0.40), "toggles a bit and cycle",
        "the streams of the embedded digit classifier as simulated: 0.12 in all"),
    "accesses": Coefficient(
        Range(0.1, 0.5, 1.5), "reads and writes of a block RAM a cycle", "assumed"),
}
"""What is taken where activity was not counted."""

LEAKAGE_PER_KELVIN = Coefficient(
    Range(0.031, 0.035, 0.044), "growth of leakage, natural logarithm a kelvin",
    "static core current of the XC7Z020 at 28.5, 43.9, 47.3 and 56.3 degrees: CPU 10, C20 15, "
    "R20 18, MLP 34 mA; and that of the processors: 18, 30, 33, 45 mA")

MAXIMUM_PROCESS = Coefficient(
    Range(1.5, 2.0, 3.0), "leakage of the worst parts to that of typical ones",
    "assumed: no public figure")


@dataclass(frozen=True)
class Static:
    """Static power of a part's programmable logic, typical process.

    Parameters
    ----------
    fixed : float
        W that hardly depend on temperature: auxiliary supplies, converter.
    leakage : float
        W at 25 degrees.
    low, high : float
        Ends of the range as factors.
    source : str
    """

    fixed: float
    leakage: float
    low: float
    high: float
    source: str


_Z010 = "sum of the static currents of the logic's supplies: E10 0.060 W at 41 degrees, " \
        "R10 0.066 W at 46"
_Z020 = "sum of the static currents of the logic's supplies: CPU 0.073 W at 28 degrees, " \
        "C20 0.079 W at 44, R20 0.092 W at 47, MLP 0.120 W at 56"
_SPLIT = "; the share that leaks is assumed to be as in the XC7Z020"

STATIC: dict[str, Static] = {
    "XC7Z007S": Static(0.044, 0.009, 0.75, 1.4, f"as the XC7Z010, assumed to be its die: {_Z010}"),
    "XC7Z010": Static(0.044, 0.009, 0.8, 1.3, _Z010),
    "XC7Z014S": Static(0.048, 0.0205, 0.75, 1.4, f"as the XC7Z020, assumed to be its die: {_Z020}"),
    "XC7Z015": Static(0.048, 0.019, 0.7, 1.5, "between the XC7Z010 and XC7Z020, by LUTs"),
    "XC7Z020": Static(0.048, 0.0205, 0.8, 1.25, _Z020),
    "XC7Z030": Static(0.055, 0.038, 0.6, 1.6, "between the XC7Z020 and XC7Z045, by LUTs"),
    "XC7Z035": Static(0.075, 0.0855, 0.7, 1.4, "as the XC7Z045, assumed to be its die"),
    "XC7Z045": Static(0.075, 0.0855, 0.75, 1.4, f"Z45 0.170 W at 28 degrees{_SPLIT}"),
    "XC7Z100": Static(0.080, 0.0965, 0.75, 1.4, f"Z100 0.188 W at 28 degrees{_SPLIT}"),
    "XC7A35T": Static(0.050, 0.0235, 0.75, 1.4, f"A35 0.073 W at 25 degrees{_SPLIT}"),
    "XC7A100T": Static(0.060, 0.036, 0.75, 1.4, f"SNN 0.100 W at 28 degrees{_SPLIT}"),
}
"""By part. A part that is not here has no public figure: its power is unknown."""

PROCESSING_SYSTEM = Coefficient(
    Range(1.25, 1.50, 1.70), "W",
    "processors, DDR memory interface and static power of the Zynq-7000's processing system: "
    "E10 1.28 + 0.05, R10 and R20 1.32 + 0.07, C20 1.47 + 0.06, Z100 1.52 + 0.04, MLP 1.54 + 0.08, "
    "Z45 1.57 + 0.04; the memory chips are not in it")
"""Of every Zynq-7000, whatever the logic does."""
