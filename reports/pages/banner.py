"""What was said of a night, at the top of its own report; put there without drawing the report again."""

import re
from pathlib import Path

from markupsafe import Markup

from reports.files import write_atomic
from reports.plain import visible
from reports.runs.nights import ACCEPTED, VERDICT, headline_of, record

START, END = "<!-- verdict of the night -->", "<!-- end of the verdict -->"
COMPARE, HISTORY = "compare/compare.html", "../history/history.html"
PARAGRAPH = Markup('<p class="warning" role="alert" id="night">{}. {}</p>')
LINK = Markup('<a href="{}">{}</a>')
BETWEEN = re.compile(f"{START}.*?{END}", re.DOTALL)


def banner(folder: Path) -> Markup:
    """A paragraph of class `warning` where a night failed or cannot be compared; else two comments, empty between.

    Args:
        folder: of the run.
    """
    said = _said(folder)
    if not said:
        return Markup(START + END)
    links = [(COMPARE, "what moved"), (HISTORY, "all nights")]
    more = [LINK.format(path, text) for path, text in links if (folder / path).exists()]
    return Markup(START) + PARAGRAPH.format(said, Markup(", ").join(more)) + Markup(END)


def put_banner(folder: Path) -> None:
    """Writes the banner into a report.html that is there, in place of the one that it has."""
    path = folder / "report.html"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    changed = BETWEEN.sub(lambda _: str(banner(folder)), text, count=1)
    if changed != text:
        write_atomic(path, changed.encode())


def _said(folder: Path) -> str:
    """The verdict in words; nothing of a night that passed, and of a run that is no night."""
    verdict, accepted = record(folder / VERDICT, "passed", bool), record(folder / ACCEPTED, "why", str)
    if verdict is None or verdict["passed"]:
        return ""
    said = f"This night {headline_of(verdict)}"
    return visible(f"{said}. Accepted since: {accepted['why']}" if accepted else said)
