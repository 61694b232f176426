"""The verdict on a night: verdict.json, a summary in Markdown, JUnit XML for whatever shows test results."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from bench.compare import Comparison
from reports.files import write_atomic
from reports.nights import VERDICT


@dataclass(frozen=True)
class Verdict:
    """What came of a night.

    Attributes:
        folder: of the night.
        note: what it was compared with, or why with nothing.
        found: the comparison with the last good night, if any.
        seconds: that the night took.
        error: why it could not be finished; None where it was.
    """

    folder: Path
    note: str
    found: Comparison | None
    seconds: float
    error: str | None = None

    @property
    def culprits(self) -> list[str]:
        """Failed gates, or the error."""
        return [self.error] if self.error else self.found.culprits if self.found else []

    @property
    def passed(self) -> bool:
        """Whether later nights may be held against this one."""
        return not self.culprits

    def write(self) -> None:
        """verdict.json, summary.md and junit.xml; the summary also goes to GitHub's step summary where there is one."""
        content = {
            "passed": self.passed,
            "culprits": self.culprits,
            "note": self.note,
            "compared_with": self.found.first.folder.name if self.found else None,
            "seconds": round(self.seconds, 1),
            "error": self.error,
        }
        write_atomic(self.folder / "junit.xml", self._junit())
        summary = self._markdown()
        write_atomic(self.folder / "summary.md", summary.encode())
        write_atomic(self.folder / VERDICT, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if step_summary:
            with Path(step_summary).open("a", encoding="utf-8") as file:
                file.write(summary)

    def _markdown(self) -> str:
        said = "passed" if self.passed else "**failed**"
        lines = [f"## cambench, night {self.folder.name}: {said}", "", f"{self.note}. {self.seconds:.0f} s.", ""]
        lines += [f"- {line}" for line in self.culprits]
        if self.found:
            lines += ["", "```", *self.found.lines(), "```"]
        return "\n".join(lines) + "\n"

    def _junit(self) -> bytes:
        """A test case per gated family: the run itself, quality, speed."""
        cases = {
            "run": [self.error] if self.error else [],
            "quality": list(self.found.quality_culprits) if self.found else [],
            "speed": list(self.found.speed_culprits) if self.found else [],
        }
        failures = str(sum(map(bool, cases.values())))
        suite = ElementTree.Element(
            "testsuite", name="cambench nightly", tests=str(len(cases)), failures=failures, time=f"{self.seconds:.1f}"
        )
        for name, lines in cases.items():
            case = ElementTree.SubElement(suite, "testcase", classname="cambench.nightly", name=name)
            if lines:
                ElementTree.SubElement(case, "failure", message=lines[0]).text = "\n".join(lines)
        ElementTree.indent(suite)
        return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)) + b"\n"
