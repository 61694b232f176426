"""The verdict on a night: verdict.json, a summary in Markdown, JUnit XML for whatever shows test results."""

import json
import os
import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from bench.nights.two_runs import Comparison
from bench.nights.words import cause
from reports.files import write_atomic
from reports.plain import visible
from reports.runs.nights import VERDICT
from reports.text import markdown

PAGE, HISTORY = "compare/compare.html", "../history/history.html"
MOST_DIFFERENCES = 4  # of what makes a night not comparable, and the line that follows them


@dataclass(frozen=True)
class Verdict:
    """What came of a night.

    Attributes:
        folder: of the night.
        note: what it was compared with, or why with nothing.
        found: the comparison with the last good night, if any.
        seconds: that the night took.
        error: why it could not be finished; None where it was.
        differs: why it cannot be compared, one text each; empty where it was, or had nothing to be compared with.
    """

    folder: Path
    note: str
    found: Comparison | None
    seconds: float
    error: str | None = None
    differs: tuple[str, ...] = ()

    @property
    def culprits(self) -> list[str]:
        """Failed gates, or the error."""
        return [self.error] if self.error else self.found.culprits if self.found else []

    @property
    def state(self) -> str:
        """Passed, failed, not comparable, or first: there was no night to compare with."""
        if self.culprits:
            return "failed"
        return "not comparable" if self.differs else "passed" if self.found else "first"

    @property
    def passed(self) -> bool:
        """Whether later nights may be held against this one."""
        return self.state in ("passed", "first")

    @property
    def cause(self) -> str:
        """What changed since the night it was compared with; empty where it was with none."""
        return cause(self.found.first, self.found.second, self.found.changed) if self.found else ""

    @property
    def headline(self) -> str:
        """The verdict in one line: what it is, what changed, how many moved, which one most."""
        if self.error:
            said = f"FAILED: it could not be finished: {self.error}"
        elif self.found:
            said = self.found.headline
        elif self.differs:
            said = f"NOT COMPARABLE: {self.differs[0]}"
        else:
            said = f"passed: {self.note}"
        return visible(said)

    @property
    def details(self) -> list[str]:
        """At most five lines more, the last of them where the rest is."""
        lines = []
        if self.found and not self.error:
            lines = self.found.details
        elif self.differs and not self.error:
            lines = [*self.differs[1:MOST_DIFFERENCES], self.remedy]
        return [*map(visible, lines), visible(f"night {self.folder.name}, {self.note}; all of it: {self._rest}")]

    @property
    def remedy(self) -> str:
        """What to do about a night that cannot be compared."""
        command = f"cambench accept {shlex.quote(str(self.folder))} --why TEXT"
        return f"if that is meant, make this night the reference: {command}; if not, mend it and run the night again"

    @property
    def _rest(self) -> str:
        if self.error:
            return str(self.folder.parent / "logs" / f"{self.folder.name}.log")
        return str(self.folder / (PAGE if self.found else "report.html"))

    def write(self) -> None:
        """verdict.json, summary.md and junit.xml; the summary also goes to GitHub's step summary where there is one."""
        content = {
            "state": self.state,
            "passed": self.passed,
            "headline": self.headline,
            "details": self.details,
            "cause": self.cause,
            "culprits": self.culprits,
            "differs": list(self.differs),
            "note": self.note,
            "compared_with": self.found.first.folder.name if self.found else None,
            "seconds": round(self.seconds, 1),
            "error": self.error,
        }
        write_atomic(self.folder / "junit.xml", self._junit())
        summary = self._markdown().encode("utf-8", "backslashreplace")
        write_atomic(self.folder / "summary.md", summary)
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_atomic(self.folder / VERDICT, text.encode("utf-8", "backslashreplace"))  # \\udc80 is JSON, too
        if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            try:
                with Path(step_summary).open("ab") as file:
                    file.write(summary)
            except OSError as error:  # the verdict stands
                print(f"the step summary '{step_summary}' cannot be written: {error.strerror}", file=sys.stderr)

    def _markdown(self) -> str:
        """The headline, at most five lines, and links."""
        links = ["report.html", *([PAGE, "compare/compare_quality.csv"] if self.found else []), HISTORY]
        lines = [f"## cambench {markdown(self.headline)}", "", *(f"- {markdown(line)}" for line in self.details), ""]
        return "\n".join([*lines, " | ".join(f"[{name}]({name})" for name in ([] if self.error else links))]) + "\n"

    def _junit(self) -> bytes:
        """A test case per gated family: the run itself, quality, speed; a night that cannot be compared is an error."""
        cases = {
            "run": [self.error] if self.error else [],
            "quality": self.found.quality_culprits if self.found else list(self.differs),
            "speed": list(self.found.speed_culprits) if self.found else [],
        }
        kind = {name: "error" if name == "run" or not self.found else "failure" for name in cases}
        counts = Counter(kind[name] for name, lines in cases.items() if lines)
        suite = ElementTree.Element(
            "testsuite",
            name="cambench nightly",
            tests=str(len(cases)),
            failures=str(counts["failure"]),
            errors=str(counts["error"]),
            time=f"{self.seconds:.1f}",
        )
        for name, lines in cases.items():
            case = ElementTree.SubElement(suite, "testcase", classname="cambench.nightly", name=name)
            if lines:
                ElementTree.SubElement(case, kind[name], message=self.headline).text = "\n".join(self.details)
        ElementTree.indent(suite)
        return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)) + b"\n"
