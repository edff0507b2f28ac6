"""The page: complete, escaped, and the same in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser

import pytest

from quantloom.gen.report import charts, marks
from quantloom.gen.report.charts import Bar, Dot
from quantloom.gen.report.page import render

from ...browser import chromium

VOID = {"meta", "path", "rect", "line", "circle", "br"}


class Balanced(HTMLParser):
    """Every element that is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page):
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_whole(record):
    page = parsed(render(record))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert all(link.startswith("#") for link in page.links)  # it needs no network
    assert {"flow", "layers", "charts", "data", "proof", "layer-conv1"} <= set(page.ids)


def test_everything_is_there(record):
    text = render(record)
    for block in record["dataflow"]["blocks"]:
        if block["kind"] not in ("fifo", "fork", "adapter"):
            assert f'data-key="{block["name"]}"' in text
    for title in ("Cycles a layer", "Resources", "Roofline", "Memory on the chip",
                  "LUT sites by layer", "bit exact"):
        assert title in text
    assert "the smallest Zynq that holds it" in text
    assert f"{record['model']['macs']:,}" in text


def test_names_are_escaped(record):
    assert record["model"]["source"]["file"] == "<tiny> & co.onnx"
    text = render(record)
    assert "&lt;tiny&gt; &amp; co.onnx" in text and "<tiny>" not in text


def test_what_is_missing_says_how_to_get_it(record):
    record["verification"] = record["activations"] = None
    text = render(record)
    parsed(text)
    assert "not simulated yet" in text and "quantloom simulate OUT" in text
    assert "Not synthesised yet" in text and "--part PART" in text


def test_misses_and_mismatches_are_said(record):
    record["estimate"]["misses"] = ["9 DSP are more than the 1 of NONE"]
    record["verification"] |= {"ok": False, "mismatches": 7, "first_mismatch": "block a: b < c"}
    text = render(record)
    assert "9 DSP are more than" in text and "7 mismatching beats" in text
    assert "block a: b &lt; c" in text


def test_power(record):
    watts = {"low": 0.01, "typical": 0.02, "high": 0.04}
    record["estimate"]["power"] = {
        "total_w": watts, "static_w": watts, "energy_mj": watts, "activity": "default",
        "blocks": {"conv1_neuron": {"dynamic_w": watts}}}
    text = render(record)
    parsed(text)
    assert "20 mW" in text and "20 µJ" in text and "Energy by block" in text


def test_bars():
    svg = charts.bars("two", [Bar("a", (5.0,), "5", "five"), Bar("b", (10.0, None), "10", "ten")],
                      line=(20.0, "limit"))
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="6" rx="1.5"', svg)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.02)
    assert widths[1] == pytest.approx((charts.WIDTH - 170) / 2, abs=0.02)
    assert 'data-tip="five"' in svg and ">limit<" in svg


def test_scatter_is_logarithmic():
    svg = charts.scatter("s", [Dot(10, 1, "a", "A", "key-a"), Dot(100, 10, "b", "B"),
                               Dot(1000, 100, "c", "C")], x_name="x", y_name="y",
                         slopes=[(0.1, "1:10")])
    at = [(float(x), float(y)) for x, y in re.findall(
        r'cx="([\d.]+)" cy="([\d.]+)" r="5"', svg)]
    assert at[1][0] == pytest.approx((at[0][0] + at[2][0]) / 2, abs=0.02)
    assert at[1][1] == pytest.approx((at[0][1] + at[2][1]) / 2, abs=0.02)
    assert at[0][1] > at[2][1] and 'data-key="key-a"' in svg
    (line,) = re.findall(r'x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" class="iso"',
                         svg)
    assert [float(n) for n in line] == pytest.approx([*at[0], *at[2]], abs=0.02)


def test_levels_and_columns():
    svg = charts.levels("l", [0, 4, 4, 8], 10, 8, "tip")
    # Empty, half, full: places above the base line.
    assert re.findall(r"V([\d.]+)", svg) == ["70.0", "38.0", "6.0", "70"]
    assert "40 cycles" in svg
    svg = charts.columns("c", [1, 3], -1, 2)
    assert "-1 to 0: 25.0% (1)" in svg and "1 to 2: 75.0% (3)" in svg


@pytest.mark.parametrize(("value", "text"), [
    (0, "0 W"), (1.5, "1.5 W"), (0.0123, "12.3 mW"), (2032, "2.03 kW"), (999.96, "1 kW"),
    (61_314_232, "61.3 MW"), (2e-9, "2 nW")])
def test_short_numbers(value, text):
    assert marks.short(value, "W") == text


def test_numbers():
    assert [marks.number(n) for n in (0, 1234, 1234.5, 0.1234, 12.5)] == [
        "0", "1,234", "1,234", "0.123", "12.5"]
    assert [marks.ratio(n) for n in (0, 0.0123, 0.5, 1)] == ["0%", "1.2%", "50%", "100%"]


# Reports what a reader would see: by title, so that no driver is needed.
PROBE = """<script>addEventListener("load", () => {
  const all = (what) => [...document.querySelectorAll(what)];
  const shown = all("svg").filter((e) => e.getBoundingClientRect().width > 50).length;
  const bar = document.querySelector("[data-tip] .hit").parentNode;
  let clicked = "";
  document.addEventListener("mark", (e) => { clicked = e.detail; });
  bar.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: 9, clientY: 99}));
  const tip = document.getElementById("tip");
  const tipped = !tip.hidden && tip.textContent === bar.dataset.tip;
  bar.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  const wide = document.documentElement.scrollWidth - innerWidth;
  document.title = JSON.stringify({svgs: all("svg").length, shown, tipped, clicked, wide,
    key: bar.dataset.key, width: innerWidth});
});</script>"""


@pytest.mark.parametrize("width", [1280, 500])
def test_in_a_browser(record, tmp_path, width):
    """No complaint on the console, every chart drawn, tips shown, nothing wider than the window.

    500 pixels are the least that a headless window can have.
    """
    program = chromium()
    page = tmp_path / "page.html"
    page.write_text(render(record).replace("</body>", PROBE + "</body>"))
    done = subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=240, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None and title[1].startswith("{"), done.stdout[:300]
    seen = json.loads(title[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert seen["svgs"] == seen["shown"] > 10
    assert seen["tipped"] and seen["clicked"] == seen["key"]
    assert seen["wide"] <= 0 and seen["width"] == width
