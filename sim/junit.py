"""A simulation's report as JUnit XML, which CI systems show."""

from __future__ import annotations

from xml.etree import ElementTree

from .report import Report

__all__ = ["to_junit"]


def to_junit(report: Report, name: str) -> str:
    """A test suite with a test case for each stream that was compared, and one for the run.

    The run's case fails if the design got stuck or frames are missing, a stream's if any of its
    beats differs; the failure's text is the first mismatch where it lies on that stream.

    Parameters
    ----------
    report : Report
    name : str
        Of the design.
    """
    suite = ElementTree.Element("testsuite", name=name)
    whole = report.frames == report.frames_requested and report.deadlock is None
    told = whole
    _case(suite, name, f"{report.frames_requested} frames ({report.engine})",
          None if whole else f"{report.frames} of {report.frames_requested} frames came out: "
          f"{report.deadlock or 'too few cycles'}")
    for check in report.streams:
        text = None
        if check.mismatches:
            first = report.first_mismatch
            here = first is not None and first.stream == check.stream
            text = f"{check.mismatches} of {check.beats} beats differ" + (
                f"; {first}" if here else "")
            told = False
        _case(suite, name, f"stream {check.stream}", text)
    if not report.ok and told:  # a wrong tlast, or beats too many, of streams that are right
        _case(suite, name, "output", str(report.first_mismatch or "it is not as expected"))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + (
        ElementTree.tostring(suite, encoding="unicode") + "\n")


def _case(suite: ElementTree.Element, design: str, name: str, failure: str | None) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=design, name=name)
    if failure is not None:
        ElementTree.SubElement(case, "failure", message=failure)
