"""The site holds every page, leads nowhere wrong, and shows the reports that were made."""

from pathlib import Path

from bench.site import ROOT, gallery, heading, main, stage


def test_the_site_builds_without_a_link_that_leads_nowhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["site", "--out", str(tmp_path / "site"), "--runs", str(tmp_path)])
    assert main() == 0
    assert f"open {tmp_path / 'site' / 'index.html'}" in capsys.readouterr().out
    pages = {path.relative_to(ROOT) for path in [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").glob("*.ipynb")]}
    assert len(pages) > 20
    assert not [page for page in pages if not (tmp_path / "site" / page.with_suffix(".html")).is_file()]
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in text and "://unpkg" not in text  # nothing is fetched when it is read


def test_a_page_that_is_missing_from_the_list_fails(tmp_path, monkeypatch, capsys):
    def staged(root: Path, pages: Path, runs: Path) -> None:
        stage(root, pages, runs)
        (pages / "docs" / "stray.md").write_text("[nowhere](nothing.md)")

    monkeypatch.setattr("bench.site.stage", staged)
    monkeypatch.setattr("sys.argv", ["site", "--out", str(tmp_path / "site"), "--runs", str(tmp_path)])
    assert main() == 2
    assert "leads nowhere" in capsys.readouterr().err


def test_reports_are_copied_and_named_by_their_answer(tmp_path):
    folder, pages = tmp_path / "runs" / "one", tmp_path / "pages"
    folder.mkdir(parents=True)
    pages.mkdir()
    (folder / "report.html").write_text("<h1 id='a'>Grad-CAM <b>or</b> a|b &lt;i&gt; [x](y)</h1>")
    text = gallery(pages, tmp_path / "runs")
    assert "[one](reports/one.html): Grad-CAM or a\\|b \\<i\\> \\[x\\](y)" in text
    assert (pages / "reports" / "one.html").read_bytes() == (folder / "report.html").read_bytes()
    assert "none yet" in gallery(pages, tmp_path)
    (folder / "study.html").write_text("<p>no heading</p>")
    assert heading(folder / "study.html") == "a report"
