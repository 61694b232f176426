import json

import pytest

from reports import ReportError
from reports.pages.banner import END, START, banner, put_banner

FAILED = {"passed": False, "state": "failed", "headline": "FAILED: weights A -> B; 3 worse"}


def night(folder, verdict: dict | str, accepted: dict | None = None):
    folder.mkdir(exist_ok=True)
    (folder / "verdict.json").write_text(verdict if isinstance(verdict, str) else json.dumps(verdict))
    if accepted:
        (folder / "accepted.json").write_text(json.dumps(accepted))
    return folder


def test_a_failed_night_says_so_in_words(tmp_path):
    said = str(banner(night(tmp_path / "n", FAILED)))
    assert "This night FAILED: weights A -&gt; B; 3 worse. " in said
    assert said.startswith(f'{START}<p class="warning"')
    assert "<a " not in said  # there is nothing to lead to
    (tmp_path / "n" / "compare").mkdir()
    (tmp_path / "n" / "compare" / "compare.html").touch()
    assert '<a href="compare/compare.html">what moved</a>' in banner(tmp_path / "n")


@pytest.mark.parametrize("verdict", [None, {"passed": True, "headline": "passed: nothing else changed"}])
def test_other_runs_say_nothing(tmp_path, verdict):
    if verdict:
        night(tmp_path, verdict)
    assert str(banner(tmp_path)) == START + END


def test_an_older_verdict_and_one_that_was_accepted(tmp_path):
    older = {"passed": False, "culprits": ["quality of x", "quality of y"]}
    assert "FAILED: quality of x and 1 more" in banner(night(tmp_path, older))
    assert "3 worse. Accepted since: &lt;new&gt; photographs" in banner(
        night(tmp_path, FAILED, {"why": "<new> photographs"})
    )
    other = {"passed": False, "state": "not comparable", "differs": ["images: 6 before, 7 now"]}
    assert "NOT COMPARABLE: images: 6 before, 7 now" in banner(night(tmp_path / "o", other))


def test_it_is_put_into_a_page_that_is_there_and_taken_out_again(tmp_path):
    folder = night(tmp_path / "n", FAILED)
    put_banner(folder)  # there is no page
    page = folder / "report.html"
    page.write_text(f"<body>{START}{END}rest \\1 {START}</body>")
    put_banner(folder)
    put_banner(folder)
    assert page.read_text().count('id="night"') == 1
    assert page.read_text().endswith(f"{END}rest \\1 {START}</body>")
    night(folder, {"passed": True})
    put_banner(folder)
    assert page.read_text() == f"<body>{START}{END}rest \\1 {START}</body>"


def test_a_verdict_that_is_no_verdict(tmp_path):
    with pytest.raises(ReportError, match=r"verdict\.json"):
        banner(night(tmp_path, "{"))
