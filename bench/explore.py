"""Sweeps: their speed, what they promise, and what becomes of them when something dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from quantloom.gen.explore.model import open_model
from quantloom.gen.explore.pareto import lines_of, usable
from quantloom.gen.explore.platforms import published
from quantloom.gen.explore.points import Point, points_of
from quantloom.gen.explore.run import Explored, explore
from quantloom.gen.explore.store import open_store
from quantloom.gen.explore.sweep import ModelEntry, Place, Sweep, Target
from quantloom.gen.explore.sweep_file import make_sweep
from quantloom.gen.explore.workers import Workers, workers

from .designs import shared_model
from .generated import generate, simulate_generated, wafer_model, work
from .table import Row, group

__all__: list[str] = []

SEED = 2026

DIGITS = Path(str(files("quantloom.gen") / "assets" / "digits.onnx"))

_DIGITS = {
    "part": ["xc7z010", "lfe5u-45f"], "clock": [75, 100, 125, 135, 150, 175], "max": True,
    "cycles": [64, 80, 96, 128, 160, 192, 256, 320, 400, 512, 640, 800, 1024, 1280, 1600, 2304,
               4608]}
"""216 points, 36 foldings."""

_WAFER = {
    "part": ["xc7z010", "xc7z020", "xc7z045"], "clock": [100, 125, 140, 150], "max": True,
    "cycles": [12_544, 25_088, 50_176, 100_352, 200_704, 401_408, 842_700]}

PUBLISHED_MJ = 1.35
"""Of the FPGA part, an image: 0.24 W at 178 images/s."""


def _points(model: Path, axes: dict[str, Any], name: str | None = None) -> list[Point]:
    sweep = make_sweep({"sweep": axes}, where="bench")
    return points_of(sweep, [open_model(model, name=name)])


@dataclass(frozen=True)
class _Cost:
    """Seconds of the wall clock and of processors, start of workers included."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return (f"{self.processor:.0f} s of processor time; load {os.getloadavg()[0]:.1f} on "
                f"{os.cpu_count()} processors")


def _sweep(points: Sequence[Point], name: str, count: int | None = None,
           around: Callable[[Workers], Workers] = lambda team: team) -> tuple[Explored, _Cost]:
    """A sweep into a store of its own, and what it cost."""
    start, before = time.monotonic(), os.times()
    with open_store(work() / name / "store.jsonl") as store, workers(count) as team:
        found = explore(points, store, around(team))
    after = os.times()
    return found, _Cost(time.monotonic() - start, sum(after[:4]) - sum(before[:4]))


def _lines(found: Explored) -> str:
    text = []
    for each in lines_of(found.records):
        if each.gain == "accuracy" or each.cost.key == "power_w_typical":
            continue
        places = ", ".join(
            f"{'knee ' if k == each.knee else ''}{found.records[k]['images_per_second']:,.0f}/s at "
            f"{found.records[k][each.cost.key]:,.4g}" for k in each.points)
        text.append(f"images/s against {each.cost.name}, {each.part}: {places}")
    return "; ".join(text)


@group
def explore_digits() -> Iterator[Row]:
    """A sweep of the digit classifier, and three of its points generated and simulated."""
    points = _points(DIGITS, _DIGITS)
    found, cost = _sweep(points, "digits")
    counted = Counter(record["status"] for record in found.records)
    yield Row(name="explore, points of the digits sweep", measured=len(points), target=200,
              at_least=True, note=f"{dict(counted)}, {found.solves} foldings; {_lines(found)}",
              details={"lines": [each.to_json() for each in lines_of(found.records)]})
    yield Row(name="explore, the digits sweep", measured=cost.wall, unit="s", target=300,
              note=str(cost))
    good = [k for k, record in enumerate(found.records) if usable(record)]
    wrong_cycles = wrong_areas = 0
    for k in random.Random(SEED).sample(good, 3):
        record = found.records[k]
        built = generate(DIGITS, f"digits{k}", "--part", record["part"], "--clock",
                         f"{record['clock_mhz']:g}", *(
                             ["--max"] if record["target_cycles"] is None else
                             ["--cycles", str(record["target_cycles"])]))
        report = simulate_generated(built, _frames(built.design.network)).report
        wrong_cycles += not (report.ok and report.interval_cycles == record["interval_cycles"])
        done = subprocess.run([sys.executable, "-m", "quantloom", "estimate",
                               str(built.directory), "--json"], capture_output=True, text=True,
                              check=False)
        total = json.loads(done.stdout)["total"]["resources"]
        wrong_areas += any(total[key] != record[key] for key in total)
    note = f"three points by chance, seed {SEED}"
    yield Row(name="explore, points with other cycles when simulated", measured=wrong_cycles,
              target=0, note=note)
    yield Row(name="explore, points with other resources when generated", measured=wrong_areas,
              target=0, note=note)


def _frames(network: Any) -> Any:
    from quantloom.gen.cli.frames import random_frames

    return random_frames(network, 8)


@group
def explore_wafer() -> Iterator[Row]:
    """The wafer network over three parts, its line and knee, and its energy an image."""
    points = _points(wafer_model(), _WAFER, "wafer")
    found, cost = _sweep(points, "wafer")
    good = [record for record in found.records if usable(record)]
    yield Row(name="explore, the wafer sweep", measured=cost.wall, unit="s",
              note=f"{len(points)} points, {found.solves} foldings, {len(good)} can be built; "
              f"{cost}; {_lines(found)}")
    ours = [record for record in good if record["part"] == "XC7Z010"]
    least = min(ours, key=lambda record: record["energy_mj_typical"])
    yield Row(name="explore, wafer network on XC7Z010, energy an image",
              measured=least["energy_mj_typical"], unit="mJ", peer=PUBLISHED_MJ,
              source=f"{published('wafer')[-1].source}: 0.24 W at 178 images/s",
              note=f"estimate, {least['energy_mj_low']:.3g} to {least['energy_mj_high']:.3g} mJ: "
              f"{least['images_per_second']:,.0f} images/s at {least['clock_mhz']:g} MHz, "
              f"{least['power_w_typical']:.3g} W")


@group
def explore_models() -> Iterator[Row]:
    """Third-party networks through a sweep of parts, without special care."""
    axes = {"part": ["xc7z020", "xc7z045"], "cycles": [32_768, 131_072, 524_288]}
    resnet = shared_model("bnnpynq_cnvw1a1_cifar10").parent.parent / "mlperf_ic_resnet8_int8"
    for name, model in (("cnv", shared_model("bnnpynq_cnvw1a1_cifar10")),
                        ("resnet8", resnet / "model.tflite")):
        found, cost = _sweep(_points(model, axes, name), name)
        counted = Counter(record["status"] for record in found.records)
        yield Row(name=f"explore, failed points of {name}", measured=counted["error"], target=0,
                  note=f"{dict(counted)} in {cost.wall:.0f} s, {cost}; {_lines(found)}; "
                  + "; ".join(sorted({f"{r['part']} short of {r['short_of']}"
                                      for r in found.records if r.get("short_of")})))


@group
def explore_workers() -> Iterator[Row]:
    """Two workers beside one, on 200 foldings."""
    sweep = Sweep((ModelEntry(DIGITS),), tuple(
        Place(points.place.part, points.place.named) for points in _points(
            DIGITS, {"part": ["xc7z007s", "xc7z010", "xc7z014s", "xc7z015", "xc7z020"]})),
        (100.0,), tuple(Target(cycles=cycles) for cycles in range(1024, 1024 + 40 * 128, 128)))
    points = points_of(sweep, [open_model(DIGITS)])
    one = _sweep(points, "one", 1)[1]
    two = _sweep(points, "two", 2)[1]
    yield Row(name="explore, two workers beside one", measured=one.wall / two.wall,
              unit="times as fast", target=1.7, at_least=True,
              note=f"{len(points)} points: {one.wall:.0f} s ({one}), {two.wall:.0f} s ({two})")


class _Logged(Executor):
    """Leaves a line for each task that a worker begins."""

    def __init__(self, inner: Executor, log: Path):
        self.inner, self.log = inner, log

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.inner.submit(_logged, str(self.log), fn, *args)


def _logged(log: str, fn: Callable[..., Any], *args: Any) -> Any:
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()} {args[3]}\n")
    return fn(*args)


@group
def explore_killed() -> Iterator[Row]:
    """A worker that is killed in the middle of a sweep, and a whole run that is."""
    points = _points(DIGITS, {"part": "xc7z010", "cycles": list(range(800, 800 + 12 * 256, 256))})
    log = work() / "killed.log"

    def kill() -> None:
        while not log.is_file() or len(log.read_text().splitlines()) < 5:
            time.sleep(0.05)
        os.kill(int(log.read_text().splitlines()[-1].split()[0]), signal.SIGKILL)

    murderer = threading.Thread(target=kill)
    murderer.start()
    found, _ = _sweep(points, "killed", 2, lambda team: Workers(
        _Logged(team.executor, log), team.width, team.place))
    murderer.join()
    begun = Counter(line.split()[1] for line in log.read_text().splitlines())
    lost = sum(record["status"] == "error" for record in found.records)
    yield Row(name="explore, points lost with a killed worker", measured=lost, target=0,
              note=f"{len(points)} points, two workers")
    yield Row(name="explore, points begun twice with a killed worker",
              measured=sum(begun.values()) - len(begun), target=1, note="its own")
    yield from _killed_run()


def _killed_run() -> Iterator[Row]:
    out = work() / "killed-run"
    command = [sys.executable, "-m", "quantloom", "explore", str(DIGITS), "-o", str(out),
               "--part", "xc7z010", "--cycles", "800,1056,1312,1568,1824,2080", "--json"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    store = out / "store.jsonl"
    while not (store.is_file() and store.read_bytes().count(b"\n") >= 3):
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    kept = store.read_bytes().count(b"\n")
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    yield Row(name="explore, points computed again after a killed run", target=0,
              measured=done["computed"] - (done["points"] - kept),
              note=f"{kept} of {done['points']} were there, {done['computed']} computed")
