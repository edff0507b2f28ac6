"""The page of a sweep: complete, escaped, and the same in a real browser."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from quantloom.gen.explore.page import render
from quantloom.gen.explore.pareto import lines_of
from quantloom.gen.explore.platforms import best_of, published
from quantloom.gen.report.plane import Axis, Trace, plane, ticks

from ...browser import chromium
from ..report.test_page import parsed


def point(bits, quantiser, part, speed):
    """A made-up design of a network at a width."""
    name = f"net-w{bits}-{quantiser}"
    return {
        "model": name, "network": "net <8>", "weight_bits": bits, "activation_bits": 4.0,
        "quantiser": quantiser, "pruned": None, "accuracy": 0.9 + bits / 100, "frames": 1000,
        "part": part, "board": None, "utilisation": 0.9, "clock_mhz": 100.0,
        "target": "max", "target_cycles": None, "command": f"quantloom generate {name}.onnx",
        "status": "fits", "problem": "", "lut": 700 * bits * speed, "ff": 900, "bram36": 1.5,
        "dsp": bits, "lut_share": 0.04 * bits, "ff_share": 0.02, "bram36_share": 0.03,
        "dsp_share": 0.01, "fmax_mhz": 150.0, "reaches_clock": True, "bottleneck": "conv1",
        "interval_cycles": 1000 // speed, "images_per_second": 1e5 * speed,
        "seconds_per_image": 1e-5 / speed, "latency_cycles": 2000, "latency_us": 20.0,
        "power_w_low": 0.1, "power_w_typical": 0.2, "power_w_high": 0.3,
        "energy_mj_low": 0.001 * bits / speed, "energy_mj_typical": 0.002 * bits / speed,
        "energy_mj_high": 0.003 * bits / speed, "memory_bits": 8000 * bits, "bytes_in": 64,
        "bytes_out": 10, "bits_moved": 4000 * bits, "bits_per_mac": 1.0, "macs": 4000,
        "macs_per_cycle": 4.0, "weights": 1000, "sparsity": 0.25, "seconds": 1.0,
    }  # fmt: skip


@pytest.fixture
def records():
    """Three widths, two quantisers, two parts, three speeds; and one that does not fit."""
    made = [point(bits, quantiser, part, speed) for bits in (2, 4, 8)
            for quantiser in ("wrap", "saturate") for part in ("XC7Z010", "XC7Z020")
            for speed in (1, 2, 4)]
    failed = point(8, "wrap", "XC7Z007S", 1)
    return [*made, {**failed, "status": "does not fit", "short_of": "LUT sites & FF"}]


@pytest.fixture
def page(records):
    platforms = [*best_of(records), *published("wafer")]
    return render("net <8>", records, lines_of(records), platforms)


def test_everything_is_there(page, records):
    found = parsed(re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert {"trades", "bits", "parts", "platforms", "best"} <= set(found.ids)
    assert all(link.startswith("#") for link in found.links)  # it needs no network
    for title in ("Accuracy against time for an image", "Accuracy against energy for an image",
                  "Images/s against LUT sites", "gain over 8 bits", "accuracy against width",
                  "Pareto, XC7Z010", "Coral Edge TPU", "short of LUT sites &amp; FF"):
        assert title in page, title
    assert "net &lt;8&gt;" in page and "net <8>" not in page
    data = json.loads(re.search(r'id="points">(.*?)</script>', page, re.S)[1])
    assert len(data["rows"]) == len(records)
    keys = [key for key, *_ in data["columns"]]
    assert data["rows"][3][keys.index("command")] == records[3]["command"]


def test_gains_are_those_of_the_best_of_each_width(page):
    """Energy goes with the bits: 4 bits take half of what 8 do, 2 bits a quarter."""
    assert "XC7Z010, 2 bit\ntime: 1 times less\ntraffic: 4 times less\nenergy: 4 times less" in page
    assert "XC7Z020, 4 bit\ntime: 1 times less\ntraffic: 2 times less" in page


def test_a_sweep_of_which_nothing_fits(records):
    text = render("none", records[-1:], [])
    assert "No point can be built" in text and "XC7Z007S" in text


def test_a_part_without_figures_for_power(records):
    for record in records:
        record |= {f"{name}_{level}": None for name in ("power_w", "energy_mj")
                   for level in ("low", "typical", "high")}
    text = render("net", records, lines_of(records), best_of(records))
    assert "against energy" not in text and "Images/s against LUT sites" in text


def test_plane_places_points():
    dots = plane("p", [], [Trace(((1.0, 0.5), (10.0, 0.75), (100.0, 1.0)), "curve")],
                 Axis("x"), Axis("y", False))
    (path,) = re.findall(r'd="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', dots)
    x0, y0, x1, y1, x2, y2 = map(float, path)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.1) and y2 < y0


@pytest.mark.parametrize(("low", "high", "logarithmic", "expected"), [
    (0.93, 0.98, False, [0.93, 0.94, 0.95, 0.96, 0.97, 0.98]), (1, 8, False, [0, 2, 4, 6, 8]),
    (3, 3, False, None), (150, 900, True, [100, 200, 500, 1000]), (1, 1e6, True, None),
    (5, 5, True, [5, 50])])
def test_ticks_are_round_and_hold_the_range(low, high, logarithmic, expected):
    found = ticks(low, high, logarithmic=logarithmic)
    assert found[0] <= low and high <= found[-1] and 2 <= len(found) <= 8
    if expected is not None:
        assert found == pytest.approx(expected)


# Reports what a reader would see: by title, so that no driver is needed.
PROBE = """<script>addEventListener("load", () => {
  const all = (what) => [...document.querySelectorAll(what)];
  const shown = all("svg").filter((e) => e.getBoundingClientRect().width > 50).length;
  const dot = document.querySelector("#trades .mark[data-key]");
  dot.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: 9, clientY: 99}));
  const tip = document.getElementById("tip");
  const tipped = tip.hidden ? "" : tip.textContent;
  dot.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  const panel = document.getElementById("chosen");
  const command = panel.hidden ? "" : document.getElementById("command").textContent;
  const facts = all("#record div").length;
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  const closed = panel.hidden;
  const wide = document.documentElement.scrollWidth - innerWidth;
  document.title = JSON.stringify({svgs: all("svg").length, shown, tipped, command, facts, closed,
    wide, key: Number(dot.dataset.key), width: innerWidth});
});</script>"""


@pytest.mark.parametrize("width", [1400, 500])
def test_in_a_browser(page, records, tmp_path, width):
    """No complaint on the console; records on hovering, the command on a click; no side scroll."""
    file = tmp_path / "page.html"
    file.write_text(page.replace("</body>", PROBE + "</body>"))
    done = subprocess.run(
        [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom",
         file.as_uri()],
        capture_output=True, text=True, timeout=240, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert title is not None and title[1].startswith("{"), done.stdout[:300]
    seen = json.loads(title[1].replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<")
                      .replace("&gt;", ">"))
    assert seen["svgs"] == seen["shown"] > 8
    record = records[seen["key"]]
    assert record["model"] in seen["tipped"]
    assert f"LUT sites {record['lut']:,}, {100 * record['lut_share']:g}%" in seen["tipped"]
    assert "power 200 mW (100 mW to 300 mW)" in seen["tipped"]
    assert seen["command"] == record["command"] and seen["facts"] > 30 and seen["closed"]
    assert seen["wide"] <= 0 and seen["width"] == width
