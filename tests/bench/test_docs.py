import re
from pathlib import Path

from bench.docs import BLOCK, filled
from metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]


def test_blocks_are_filled_and_the_rest_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("out.txt").write_text("accuracy 1.0\n")
    Path("table.md").write_text("| a |\n|---|\n| 1 |\n")
    text = "# T\n<!-- from: out.txt -->\nold\n<!-- end -->\nwords\n<!-- from: table.md -->\n<!-- end -->\n"
    expected = (
        "# T\n<!-- from: out.txt -->\n\n```\naccuracy 1.0\n```\n\n<!-- end -->\nwords\n"
        "<!-- from: table.md -->\n\n| a |\n|---|\n| 1 |\n\n<!-- end -->\n"
    )
    assert filled(text) == expected
    assert filled(expected) == expected


def test_a_block_without_its_file_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "<!-- from: missing.txt -->\nas it was\n<!-- end -->"
    assert filled(text) == text


def test_the_marks_of_the_registry_are_those_of_the_documented_validation():
    """One verdict per metric: that of right-class maps, or of two-animal images where there are no others."""
    text = (ROOT / "docs" / "ground-truth.md").read_text(encoding="utf-8")
    block = next(match[0] for match in BLOCK.finditer(text) if match["path"].endswith("validation.md"))
    rows = [re.split(r" *\| *", line.strip("| \n")) for line in block.splitlines() if line.startswith("| ")]
    header, *table = rows
    verdicts: dict[str, str] = {}
    for row in table:
        entry = dict(zip(header, row, strict=True))
        verdicts.setdefault(entry["metric"], entry["verdict"])
    judged = {name: metric for name, metric in METRICS.items() if metric.direction != "none"}
    later = {name for name, m in judged.items() if m.needs_others or m.on_demand or m.family in ("road", "robustness")}
    later -= verdicts.keys()  # not measured
    assert verdicts == {name: metric.validated for name, metric in judged.items() if name not in later}
    assert {judged[name].validated for name in later} <= {"", "no"}
    failed = re.search(r"fail for a reason that needs no measurement: ([^.]+)\.", text.replace("\n", " "))
    assert failed and set(re.findall(r"`(\w+)`", failed[1])) == {n for n in later if judged[n].validated == "no"}
    assert all(metric.validated == "" for metric in METRICS.values() if metric.direction == "none")
