"""Names of methods, layers and images that mean something to HTML, CSV, Markdown, LaTeX, SVG or a file system."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from reports import Run, render, summary_text
from reports.csvfiles import read_csv

FIRST = "=1+1</script><img src=x onerror=alert(1)>$\\frac$\u202e\0a/b|`[x](http://e)"
SECOND = "-" + "y" * 400 + "{{ 7*7 }}"
LAYERS = ("4", "../../a/b$", "NA")
IMAGES = {"</script><script>alert(2)</script>": "cat", "\u2066$\\frac$\n.jpg": "dog", "@" + "z" * 300: "cat"}
INVISIBLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Tags(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def hostile(write_run, tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("hostile") / "run", IMAGES, (FIRST, SECOND), LAYERS)
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["methods"].items():
        entry["title"] = name
    manifest["dataset"]["name"] = manifest["checkpoint"]["name"] = FIRST
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "skipped.csv").write_text('path,reason\n"<script>alert(3)</script>",\u202ereason\n')
    render(folder)
    return folder


def test_the_page_holds_no_tag_of_theirs(hostile):
    page = (hostile / "report.html").read_text(encoding="utf-8")
    tags = Tags(page).tags
    assert [attributes.get("id") for tag, attributes in tags if tag == "script"] == ["gallery-data", None]
    assert all((attributes["src"] or "").startswith("data:image/") for tag, attributes in tags if tag == "img")
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]
    assert not INVISIBLE.search(page)
    assert "y{{ 7*7 }}" in page  # no template of theirs runs


def test_no_file_holds_what_cannot_be_seen_and_all_lie_where_they_should(hostile):
    files = [path for kind in ("tables", "figures") for path in (hostile / kind).iterdir()]
    assert all(path.is_file() and len(path.name) < 130 for path in files)
    assert {path.name for path in hostile.parent.iterdir()} == {"run"}
    for path in files:
        if path.suffix != ".png":
            assert not INVISIBLE.search(path.read_text(encoding="utf-8")), path.name
    for path in (hostile / "figures").glob("*.svg"):
        names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert not names & {"script", "img"}


def test_tables_give_the_names_back_and_hold_no_formula(hostile):
    summary = read_csv(hostile / "tables" / "summary.csv")
    assert set(summary["method"]) == {FIRST, SECOND}
    assert set(summary["layer"]) == set(LAYERS)
    for line in (hostile / "tables" / "summary.csv").read_text().splitlines()[1:]:
        assert line.startswith(("'", "\"'"))
    for line in (hostile / "tables" / "summary.md").read_text().splitlines():
        assert len(re.findall(r"(?<!\\)\|", line)) == 11
        assert not re.search(r"(?<!\\)[`<\[$]", line)


def test_a_dollar_is_a_dollar_in_figures(hostile):
    texts = [
        "".join(element.itertext())
        for path in (hostile / "figures").glob("*.svg")
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith("}text")
    ]
    assert any("$\\frac$" in text for text in texts)
    assert not any("mathdefault" in text for text in texts)


def test_the_terminal_finds_the_headline_at_a_layer_named_like_a_number(hostile):
    text = summary_text(hostile)
    assert "srg_probability" in text
    assert "none of the headline metrics" not in text
    assert not INVISIBLE.search(text)
    assert Run(hostile).layers[0] == "4"
