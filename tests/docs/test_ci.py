"""The workflows of ``docs/ci``: their own lines, run in order as a service would."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import yaml

from .pages import ROOT
from .small import put_models

FOLDER = ROOT / "docs" / "ci"
OWN = "python -m quantloom "


def github():
    """The lines of the GitHub workflow."""
    (job,) = yaml.safe_load((FOLDER / "github.yml").read_text())["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab():
    """The lines of the GitLab job."""
    job = yaml.safe_load((FOLDER / "gitlab.yml").read_text())["accelerator"]
    return job["before_script"] + job["script"]


def own(lines):
    return [line for line in lines if line.startswith(OWN)]


def run(line, folder):
    """A line of a workflow in a shell, ``python`` being the one with the package."""
    place = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["bash", "-ec", line], cwd=folder, env=os.environ | {"PATH": place},
                          capture_output=True, text=True, check=False)


def test_both_do_the_same():
    assert own(github()) == own(gitlab())
    assert [shlex.split(line)[3] for line in own(github())] == [
        "generate", "simulate", "synth", "budget"]
    for lines in (github(), gitlab()):
        others = [line for line in lines if not line.startswith(OWN)]
        assert others[-1] == "python -m pip install quantloom"


def test_artifacts_are_what_the_steps_write():
    (job,) = yaml.safe_load((FOLDER / "github.yml").read_text())["jobs"].values()
    (kept,) = [step["with"]["path"].split() for step in job["steps"]
               if step.get("uses", "").startswith("actions/upload-artifact")]
    artifacts = yaml.safe_load((FOLDER / "gitlab.yml").read_text())["accelerator"]["artifacts"]
    assert sorted(kept) == sorted([artifacts["reports"]["junit"], *artifacts["paths"]])


def test_page_makes_the_baseline_with_the_same_commands():
    """Or else the budget would compare other numbers."""
    page = (ROOT / "docs" / "ci.md").read_text().splitlines()
    for line in own(github())[:3]:
        assert line.removeprefix("python -m ") in page, line


def test_steps(tmp_path):
    """Green, and red once the baseline is smaller."""
    put_models(tmp_path)
    *steps, budget = own(github())
    for line in steps:
        done = run(line, tmp_path)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    suite = ElementTree.parse(tmp_path / "simulation.xml").getroot()
    assert suite.get("failures") == "0" and int(suite.get("tests")) > 3
    assert (tmp_path / "out" / "report.html").is_file()
    done = run(budget, tmp_path)
    assert done.returncode == 2 and "write one with --update" in " ".join(done.stderr.split())
    assert run(f"{OWN}budget out baseline.json --update", tmp_path).returncode == 0
    done = run(budget, tmp_path)
    assert done.returncode == 0 and "within budget" in done.stdout, done.stderr
    baseline = tmp_path / "baseline.json"
    cycles = '"cycles a frame (simulation)": '
    before, _, after = baseline.read_text().partition(cycles)
    number, rest = after.split(",", 1)
    baseline.write_text(f"{before}{cycles}{float(number) * 0.97},{rest}")
    done = run(budget, tmp_path)
    assert done.returncode == 1 and "grew: cycles a frame (simulation)" in done.stdout, done.stderr
