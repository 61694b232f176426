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
from reports.files import write_atomic
from reports.plain import code, fenced, visible
from reports.runs.nights import VERDICT


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
    def headline(self) -> str:
        """The verdict in one line."""
        said = f"passed, {self.note}"
        if self.error:
            said = f"FAILED, it could not be finished: {self.error}"
        elif self.culprits:
            said = f"FAILED: {len(self.culprits)} regressions; {self.culprits[0]}"
        elif self.differs:
            said = f"NOT COMPARABLE: {'; '.join(self.differs)}. {self.remedy}"
        return visible(said)

    @property
    def remedy(self) -> str:
        """What to do about a night that cannot be compared."""
        command = f"cambench accept {shlex.quote(str(self.folder))} --why TEXT"
        return f"If that is meant, make this night the reference: {command}; if not, mend it and run the night again"

    def write(self) -> None:
        """verdict.json, summary.md and junit.xml; the summary also goes to GitHub's step summary where there is one."""
        content = {
            "state": self.state,
            "passed": self.passed,
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
        said = {"passed": "passed", "first": "passed, the first"}.get(self.state, f"**{self.state.upper()}**")
        lines = [f"## cambench, night {visible(self.folder.name)}: {said}", ""]
        lines += [f"- {code(line)}" for line in (*self.culprits, *self.differs)]
        if self.differs and not self.culprits:
            lines += ["", "It was not held against any night before.", "", *fenced([self.remedy])]
        lines += ["", f"{code(self.note)}, {self.seconds:.0f} s."]
        if self.found:
            lines += ["", *fenced(self.found.lines())]
        return "\n".join(lines) + "\n"

    def _junit(self) -> bytes:
        """A test case per gated family: the run itself, quality, speed; a night that cannot be compared is an error."""
        cases = {
            "run": [self.error] if self.error else [],
            "quality": list(self.found.quality_culprits) if self.found else list(self.differs),
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
            if lines := [visible(line) for line in lines]:
                message = self.headline if kind[name] == "error" else lines[0]
                ElementTree.SubElement(case, kind[name], message=visible(message)).text = "\n".join(lines)
        ElementTree.indent(suite)
        return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)) + b"\n"
