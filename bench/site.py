"""python -m bench.site [--runs runs] [--out build/site]: the project's Markdown as a site that opens from a folder.

Pages keep their places, so that a link which works in the files works in the site. A page of reports is added: every
finished report under --runs, copied. A link that leads nowhere fails the build.
"""

import argparse
import html
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ("docs/**/*", "configs/**/*", "weights/shipped/*.md", "*.md", "LICENSE")
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
GALLERY = """# Reports to look at

Made by the commands of this project on the machine that built this site. `make bench`, `make pets`, `make study` and
`make docs`, in this order, put them here.
"""


def stage(root: Path, pages: Path, runs: Path) -> None:
    """Copy what the site shows to `pages`, anew, and write the page of reports."""
    shutil.rmtree(pages, ignore_errors=True)
    for path in sorted(path for pattern in KEPT for path in root.glob(pattern) if path.is_file()):
        target = pages / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (pages / "gallery.md").write_text(gallery(pages, runs), encoding="utf-8")


def gallery(pages: Path, runs: Path) -> str:
    """The page of reports; copies each report that is there beside it."""
    reports = sorted([*runs.glob("*/report.html"), *runs.glob("*/study.html")])
    lines = [GALLERY]
    for report in reports:
        copy = Path("reports") / f"{report.parent.name}.html"
        (pages / "reports").mkdir(exist_ok=True)
        shutil.copyfile(report, pages / copy)
        lines.append(f"- [{report.parent.name}]({copy.as_posix()}): {heading(report)}")
    if not reports:
        lines.append("There is none yet.")
    return "\n".join(lines) + "\n"


def heading(report: Path) -> str:
    """The first heading of a report, as text that Markdown does not read."""
    found = HEADING.search(report.read_text(encoding="utf-8"))
    words = " ".join(html.unescape(TAG.sub(" ", found[1])).split()) if found else "a report"
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", words)


def main() -> int:
    """Stage, build, say where the site is."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="where run directories lie")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder of the site")
    arguments = parser.parse_args()
    pages = arguments.out.parent / "pages"
    stage(ROOT, pages, arguments.runs)
    settings = load_config(str(ROOT / "mkdocs.yml"), docs_dir=str(pages), site_dir=str(arguments.out), strict=True)
    try:
        build(settings)
    except Abort as error:
        print(f"{error}: a link above leads nowhere, or a page is missing from mkdocs.yml", file=sys.stderr)
        return 2
    print(f"open {arguments.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
