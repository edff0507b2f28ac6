"""The model of power: its direction, its marks, and what was published."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest

from quantloom.boards.parts import PARTS, part
from quantloom.gen.errors import QuantloomError
from quantloom.gen.estimate import power_table
from quantloom.gen.estimate.activity import (
    Activity,
    BlockActivity,
    MemoryActivity,
    Toggles,
    load_activity,
)
from quantloom.gen.estimate.power import DYNAMIC, power, power_of
from quantloom.gen.estimate.ranges import Range
from quantloom.gen.output import file_hash
from quantloom.rtl_templates.resources import Resources

from ...sim.designs import branches

Z010, Z020 = part("XC7Z010"), part("XC7Z020")
SOME = Resources(lut=1000, ff=2000, bram18=10, dsp=4)


def activity(rate=0.1, accesses=0.5, *, cycles=1000, blocks=("a",)):
    """Every class at one rate, in blocks of 100 bits each."""
    toggles = Toggles(100, round(100 * rate * cycles))
    kinds = ("payload", "handshake", "register", "logic", "product", "memory")
    memories = (MemoryActivity("rows", "block", 36, 512, round(accesses * cycles), 0),
                MemoryActivity("small", "auto", 8, 4096, 2 * cycles, cycles))
    return Activity("design", "0", "verilator", 2, cycles, {
        name: BlockActivity(dict.fromkeys(kinds, toggles), memories) for name in blocks})


def dynamic(*args, **options):
    return Range.sum(power(*args, **options).dynamic.values())


def below(left, right):
    """Every end is lower."""
    return left.low < right.low and left.typical < right.typical and left.high < right.high


def test_published_accelerator():
    """Pinzari et al., "Inside the AI Accelerators", table 4.4: 0.24 W for the logic of the wafer
    network's accelerator on an XC7Z010 at 150 MHz, 1.75 W for the chip, 178 images/s."""
    published = Resources(lut=9_030 + 4_830, ff=11_796, bram18=2 * 60, dsp=37)
    found = power({"all": published}, Z010, 150, round(150e6 / 178))
    assert found.total.low < 0.24 < found.total.high
    assert found.chip.low < 1.75 < found.chip.high
    assert found.energy.low < 1.35 < found.energy.high
    assert found.activity == "default"
    # It makes 73 products a cycle in these LUTs: less busy than the default.
    counted = power({"all": published}, Z010, 150, round(150e6 / 178),
                    activity(0.04, 0.2, blocks=("all",)))
    assert counted.total.low < 0.24 < counted.total.high
    assert counted.total.typical == pytest.approx(0.24, rel=0.35)


# Watts of the logic without its static power, by the reports that power_table names.
REPORTS = {
    "R10": (Resources(8_033, 9_178, 50, 4), "XC7Z010", 125, 0.048 + 0.012 + 0.015 + 0.053),
    "R20": (Resources(8_973, 11_894, 74, 26), "XC7Z020", 125,
            0.078 + 0.016 + 0.020 + 0.113 + 0.002),
    "CPU": (Resources(26_935, 22_793, 172, 4), "XC7Z020", 45, 0.026 + 0.014 + 0.019 + 0.021),
    "MLP": (Resources(14_445, 11_372, 197, 192), "XC7Z020", 125,
            0.066 + 0.150 + 0.280 + 0.249 + 0.236),
    "SNN": (Resources(21_570, 8_375, 64, 0), "XC7A100T", 100, 0.055 + 0.168 + 0.162 + 0.061),
}


@pytest.mark.parametrize("key", REPORTS)
def test_reports_lie_within_the_range(key):
    resources, name, clock, watts = REPORTS[key]
    found = dynamic({"all": resources}, part(name), clock, 1)
    assert found.low < watts < found.high


@pytest.mark.parametrize(("name", "celsius", "watts"), [
    ("XC7Z010", 41.1, 0.060), ("XC7Z010", 45.7, 0.066), ("XC7Z020", 28.5, 0.073),
    ("XC7Z020", 43.9, 0.079), ("XC7Z020", 47.3, 0.092), ("XC7Z020", 56.3, 0.120),
    ("XC7Z045", 28.2, 0.170), ("XC7Z100", 28.1, 0.188), ("XC7A35T", 25.5, 0.073),
    ("XC7A100T", 27.5, 0.100),
])
def test_static_power_of_the_reports(name, celsius, watts):
    found = power({}, part(name), 100, 1, temperature=celsius)
    assert found.static.low < watts < found.static.high
    assert found.static.typical == pytest.approx(watts, rel=0.15)
    assert found.dynamic == {} and found.total == found.static


def test_more_of_anything_takes_more():
    base = dynamic({"a": SOME}, Z020, 100, 1, activity())
    assert below(base, dynamic({"a": SOME}, Z020, 101, 1, activity()))
    assert below(base, dynamic({"a": SOME}, Z020, 100, 1, activity(0.11)))
    assert below(base, dynamic({"a": SOME}, Z020, 100, 1, activity(0.1, 0.6)))
    assert below(base, dynamic({"a": SOME}, Z020, 100, 1, activity(), streams={"a": (8, 2)}))
    for kind in ("lut", "ff", "bram18", "dsp"):
        more = replace(SOME, **{kind: getattr(SOME, kind) + 1})
        assert below(base, dynamic({"a": more}, Z020, 100, 1, activity())), kind
        assert below(dynamic({"a": SOME}, Z020, 100, 1), dynamic({"a": more}, Z020, 100, 1)), kind


def test_dynamic_power_is_proportional_to_the_clock_and_energy_to_the_interval():
    slow, fast = (power({"a": SOME}, Z020, mhz, 500, activity()) for mhz in (50, 200))
    for kind in slow.dynamic:
        assert fast.dynamic[kind].typical == pytest.approx(4 * slow.dynamic[kind].typical)
    assert slow.static == fast.static
    # 500 cycles of 50 MHz are 10 us.
    assert slow.energy.typical == pytest.approx(slow.total.typical * 10e-6 * 1e3)
    longer = power({"a": SOME}, Z020, 50, 1000, activity())
    assert longer.energy.typical == pytest.approx(2 * slow.energy.typical)


def test_a_register_costs_what_the_table_says():
    """1,000 flip-flops at 0.1 toggles and 100 MHz."""
    found = power({"a": Resources(ff=1000)}, Z020, 100, 1, activity(0.1)).blocks["a"]
    energy = {kind: row.value.typical for kind, row in power_table.ENERGIES.items()}
    assert found.watts.keys() == {"clock", "register"}
    assert found.watts["clock"].typical == pytest.approx(1000 * 1e8 * energy["clock"] * 1e-12)
    assert found.watts["register"].typical == pytest.approx(
        1000 * 0.1 * 1e8 * (energy["register"] + energy["net"]) * 1e-12)


def test_static_power_grows_with_temperature_and_process():
    for name in power_table.STATIC:
        at = [power({}, part(name), 100, 1, temperature=t).static for t in (-40, 0, 25, 85, 125)]
        assert all(below(a, b) for a, b in itertools.pairwise(at)), name
        worst = power({}, part(name), 100, 1, process="maximum").static
        assert below(at[2], worst), name


def test_measured_activity_narrows_the_range():
    default = power({"a": SOME}, Z020, 100, 1)
    counted = power({"a": SOME}, Z020, 100, 1, activity(0.125, 0.5))
    for kind in ("register", "logic", "block_ram", "dsp"):
        one, other = counted.dynamic[kind], default.dynamic[kind]
        assert one.typical == pytest.approx(other.typical)
        assert one.high / one.low < other.high / other.low
    assert counted.dynamic["clock"] == default.dynamic["clock"]


def test_defaults_are_marked_wherever_they_are_taken():
    streams = {"a": (8, 2), "b": (4, 2)}
    without = power({"a": SOME, "b": SOME}, Z020, 100, 1, streams=streams).to_json()
    assert without["activity"] == "default"
    assert set(without["default_rates"]) == {"register", "logic", "block_ram", "dsp", "stream"}
    for block in without["blocks"].values():
        for kind in set(DYNAMIC) - {"clock"}:
            assert block["classes"][kind]["activity"] == "default"
    part_ = power({"a": SOME, "b": SOME}, Z020, 100, 1, activity(), streams=streams).to_json()
    assert part_["activity"] == "partly default"
    assert {c.get("activity") for c in part_["blocks"]["a"]["classes"].values()} == {
        None, "measured"}
    assert part_["blocks"]["b"]["classes"]["logic"]["activity"] == "default"
    both = power({"a": SOME, "b": SOME}, Z020, 100, 1, activity(blocks=("a", "b")),
                 streams=streams).to_json()
    assert both["activity"] == "measured" and both["default_rates"] == {}


def test_a_class_that_was_not_counted_is_marked_alone():
    counted = activity()
    block = BlockActivity({"register": Toggles(10, 5)}, ())
    found = power({"a": SOME}, Z020, 100, 1, replace(counted, blocks={"a": block}),
                  streams={"a": (8, 2)}).blocks["a"]
    assert found.activity == {"register": "measured", "logic": "default", "block_ram": "default",
                              "dsp": "measured", "stream": "default"}


def test_accesses_are_those_of_block_rams_or_of_what_may_be_one():
    counted = activity(accesses=0.5)
    assert counted.accesses("a") == 0.5 and counted.accesses("b") is None
    small = MemoryActivity("small", "auto", 8, 256, 1000, 0)
    large = MemoryActivity("large", "auto", 24, 256, 1000, 400)
    block = BlockActivity({}, (small, large, MemoryActivity("table", "logic", 8, 4096, 0, 0)))
    auto = replace(counted, blocks={"a": block})
    assert auto.accesses("a") == pytest.approx((8 * 1.0 + 24 * 1.4) / 32)
    table = BlockActivity({}, block.memories[2:])
    assert replace(counted, blocks={"a": table}).accesses("a") is None


def test_processing_system_is_apart():
    zynq, artix = (power({"a": SOME}, part(n), 100, 1) for n in ("XC7Z020", "XC7A100T"))
    assert artix.processing_system is None and artix.chip is None
    assert zynq.chip.typical == pytest.approx(
        zynq.total.typical + zynq.processing_system.typical)
    # MLPerf Tiny's boards with an XC7Z020 took 1.6 to 1.75 W at the plug.
    assert zynq.processing_system.low + zynq.static.low < 1.6


def test_json_is_plain_and_adds_up():
    found = power({"a": SOME, "b": SOME}, Z020, 100, 1000, activity(), streams={"a": (8, 2)})
    value = json.loads(json.dumps(found.to_json()))
    total = value["static_w"]["typical"] + value["dynamic_w"]["total"]["typical"]
    assert value["total_w"]["typical"] == pytest.approx(total, rel=0.01)
    by_block = sum(b["dynamic_w"]["typical"] for b in value["blocks"].values())
    assert value["dynamic_w"]["total"]["typical"] == pytest.approx(by_block, rel=0.01)
    assert value["energy_mj"]["typical"] == pytest.approx(total * 1e-5 * 1e3, rel=0.01)
    for row in (*power_table.ENERGIES.values(), *power_table.DEFAULTS.values()):
        assert row.source and row.unit


def test_every_part_of_a_known_family_has_figures():
    """What a family's energies are known for is known for all its parts."""
    for name, row in PARTS.items():
        assert (name in power_table.STATIC) == (row.family != "ECP5"), name


def test_bad_numbers_are_refused():
    with pytest.raises(QuantloomError, match="the power of LFE5U-85F is unknown: there is no "
                                             "public figure"):
        power({}, part("LFE5U-85F"), 100, 1)
    with pytest.raises(ValueError, match="clock must be above 0 MHz, not 0"):
        power({}, Z020, 0, 1)
    with pytest.raises(ValueError, match="interval must be a cycle or more, not 0"):
        power({}, Z020, 100, 0)
    with pytest.raises(ValueError, match="temperature must be from -40 to 125 degrees, not 150"):
        power({}, Z020, 100, 1, temperature=150)
    with pytest.raises(ValueError, match="process must be one of typical, maximum, not 'slow'"):
        power({}, Z020, 100, 1, process="slow")


def test_of_a_dataflow():
    flow = branches()
    blocks = {name: b.params.resources for name, b in flow.blocks.items()}
    found = power_of(flow, blocks, Z020, 100)
    assert found.blocks.keys() == flow.blocks.keys() and found.interval == flow.interval
    assert "stream" in found.dynamic
    assert power_of(flow, blocks, None, 100) is None
    assert power_of(flow, blocks, part("LFE5U-85F"), 100) is None
    with pytest.raises(QuantloomError, match="counted on another design"):
        power_of(flow, blocks, Z020, 100, activity())


def test_activity_of_another_verilog_is_refused(tmp_path):
    (tmp_path / "rtl").mkdir()
    verilog = tmp_path / "rtl" / "design.v"
    verilog.write_text("module design; endmodule\n")
    counted = replace(activity(), verilog=file_hash(verilog))
    (tmp_path / "activity.json").write_text(json.dumps(counted.to_json()))
    assert load_activity(tmp_path) == counted
    verilog.write_text("module design; wire a; endmodule\n")
    with pytest.raises(QuantloomError, match=r"counted on another Verilog than .*design\.v is "
                                             r"now; run 'quantloom simulate .* --activity' again"):
        load_activity(tmp_path)
    (tmp_path / "activity.json").write_text("{")
    with pytest.raises(QuantloomError, match="not a file of switching activity"):
        load_activity(tmp_path)


def test_ranges():
    assert Range(1, 2, 3) + Range(0, 1, 5) == Range(1, 3, 8)
    assert Range(1, 2, 4) * 3 == Range(3, 6, 12)
    product = Range(1, 2, 4) * Range(5, 10, 20)
    assert product.typical == 20
    assert product.high / 20 == pytest.approx(2 ** math.sqrt(2))
    assert 20 / product.low == pytest.approx(2 ** math.sqrt(2))
    assert Range(0, 0, 0) * Range(1, 2, 3) == Range(0, 0, 0)
    with pytest.raises(ValueError, match="must rise from 0, not 2, 1, 3"):
        Range(2, 1, 3)
