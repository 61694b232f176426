"""docs/formats.md names the very columns that are written, in their order."""

import re
from pathlib import Path

import pandas as pd
import pytest

import reports
from bench.engine.tables import SCHEMAS
from reports.pages.history import CHANGES, HISTORY
from reports.runs.columns import COLUMNS
from reports.runs.latency import LATENCY
from reports.runs.schema import MANIFEST
from reports.tables.across import ACROSS
from reports.tables.pooled import POOLED
from reports.tables.sanity import SANITY
from reports.tables.smoothness import AT_BEST, SMOOTHNESS
from reports.tables.study import STUDY, STUDY_DATA, STUDY_FACTORS, STUDY_NETWORKS
from reports.tables.two_runs import CHANGED, QUALITY, SPEED
from reports.tables.validation import VALIDATION

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
LISTED = {
    name: re.findall(r"`([^`]+)`", columns)
    for name, columns in re.findall(
        r"^\| `([^`|]+)` \| ((?:`[^`]+`(?:, )?)+) \|$", TEXT.partition("### Every")[2], re.M
    )
}
WRITTEN = {
    **{f"{name}.parquet": schema.names for name, schema in SCHEMAS.items()},
    "tables/latency": LATENCY, "tables/validation": VALIDATION, "pooled": POOLED, "across": ACROSS,
    "tables/study": STUDY, "tables/study_networks": STUDY_NETWORKS, "tables/study_data": STUDY_DATA,
    "tables/study_factors": STUDY_FACTORS,
    "compare_quality": QUALITY, "compare_speed": SPEED, "compare_changed": CHANGED,
    "tables/sanity": SANITY, "tables/smoothness": SMOOTHNESS, "tables/smoothness_pairs": AT_BEST,
    "history/history.csv": HISTORY, "history/changes": CHANGES,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_the_columns_of_every_table_are_listed(name):
    assert LISTED[name] == list(WRITTEN[name])


def test_the_tables_of_a_report_have_the_listed_columns(make_run, monkeypatch):
    monkeypatch.setattr(reports, "_figures", lambda *_: iter(()))
    folder = make_run()
    reports.render(folder)
    written = {f"tables/{path.stem}": list(pd.read_csv(path, nrows=0).columns) for path in folder.glob("tables/*.csv")}
    assert len(written) >= 7
    assert {name: LISTED[name] for name in written} == written
    skipped = (folder / "skipped.csv").read_text().splitlines()[0]
    assert LISTED["skipped.csv"] == skipped.split(",")


def test_what_is_read_is_what_is_written():
    for name, columns in COLUMNS.items():
        assert set(columns) <= set(LISTED[f"{name}.parquet"])


def test_every_field_of_the_manifest_is_named():
    table = TEXT.partition("## manifest.json")[2]
    for field in {pattern.partition("/")[0].rstrip("?~") for pattern in MANIFEST}:
        assert f"`{field}`" in table, field
