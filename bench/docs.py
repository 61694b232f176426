"""python -m bench.docs FILE.md...: puts the output of commands into documents, so that no figure is copied by hand.

A block begins with a line `<!-- from: PATH -->` and ends with `<!-- end -->`; what stands between becomes the content
of PATH, a Markdown table as it is and everything else as preformatted text.
"""

import argparse
import re
import textwrap
from functools import partial
from pathlib import Path

from reports.files import write_atomic

BLOCK = re.compile(r"(<!-- from: (?P<path>[^ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The document with every block replaced by what its file holds now; blocks whose file is missing stay."""
    return BLOCK.sub(_replaced, text)


def _replaced(block: re.Match[str]) -> str:
    path = Path(block["path"])
    if not path.exists():
        return block[0]
    content = path.read_text(encoding="utf-8").strip()
    body = content if path.suffix == ".md" else f"```\n{_wrapped(content)}\n```"
    return f"{block[1]}\n{body}\n\n{block[3]}"


def _wrapped(text: str) -> str:
    """Long lines on several, the later ones indented."""
    fill = partial(textwrap.fill, width=118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(line if len(line) <= 120 else fill(line) for line in text.splitlines())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.md")
    for file in parser.parse_args().files:
        write_atomic(file, filled(file.read_text(encoding="utf-8")).encode())
