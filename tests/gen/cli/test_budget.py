"""``quantloom budget`` and JUnit XML: what a CI holds a design against."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design

from ...command import quantloom
from ...networks import tiny_network


def _generate(folder, cycles):
    network = tiny_network()
    design = Design(network, fold(network, cycles), clock=50.0)
    build(design, folder, random_frames(network, 1))
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return _generate(tmp_path_factory.mktemp("budget") / "out", 200)


@pytest.fixture
def baseline(out, tmp_path):
    file = tmp_path / "baseline.json"
    done = quantloom("budget", out, file, "--update")
    assert done.code == 0 and f"wrote {file}" in done.out.replace("\n", ""), done.err
    return file


def test_unchanged(out, baseline):
    done = quantloom("budget", out, baseline)
    assert done.code == 0 and "within budget" in done.out
    names = list(json.loads(baseline.read_text())["numbers"])
    assert names == ["LUT sites (estimate)", "FF (estimate)", "BRAM36 (estimate)",
                     "DSP (estimate)", "cycles a frame (schedule)", "latency in cycles (schedule)"]


def test_grown(out, baseline, tmp_path):
    """A slower design is over the budget of cycles, and within that of DSPs."""
    slower = _generate(tmp_path / "slower", 800)
    done = quantloom("budget", slower, baseline, "--json")
    assert done.code == 1
    grew = {change["name"] for change in done.json["changes"] if change["grew"]}
    assert "cycles a frame (schedule)" in grew and "DSP (estimate)" not in grew
    done = quantloom("budget", slower, baseline)
    assert done.code == 1 and "grew: " in done.out and "cycles a frame (schedule)" in done.out
    value = json.loads(baseline.read_text())
    value["numbers"]["LUT sites (estimate)"] *= 0.99
    baseline.write_text(json.dumps(value))
    assert quantloom("budget", out, baseline).code == 1
    assert quantloom("budget", out, baseline, "--slack", "5").code == 0


def test_measured_numbers_go_first(out, baseline, tmp_path):
    """After a simulation its cycles count, and a baseline of schedules does as before."""
    assert quantloom("simulate", out, "--frames", 4, "--junit", tmp_path / "junit.xml").code == 0
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert suite.get("failures") == "0" and int(suite.get("tests")) > 5
    measured = tmp_path / "measured.json"
    assert quantloom("budget", out, measured, "--update").code == 0
    assert "cycles a frame (simulation)" in json.loads(measured.read_text())["numbers"]
    done = quantloom("budget", _generate(tmp_path / "new", 200), measured)
    assert done.code == 2
    assert "has no cycles a frame (simulation), latency in cycles (simulation)" in (
        " ".join(done.err.split()))


@pytest.mark.parametrize("text, message", [
    (None, "no baseline there; write one with --update"),
    ("{", "not a baseline: "),
    ("[]", "not a baseline of format 1"),
    ('{"format": 2}', "not a baseline of format 1"),
    ('{"format": 1, "numbers": {"FF": "many"}}', "its numbers are no numbers"),
    ('{"format": 1, "design": "other", "numbers": {}}', "is of design other, not tiny"),
    ('{"format": 1, "design": "tiny", "target": "x", "numbers": {}}', "is of target x, not None"),
])
def test_bad_baseline(out, tmp_path, text, message):
    file = tmp_path / "baseline.json"
    if text is not None:
        file.write_text(text)
    done = quantloom("budget", out, file)
    assert done.code == 2 and message in " ".join(done.err.split()), done.err
