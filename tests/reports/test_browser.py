"""The page in a real browser: the gallery filters, sorts, opens and shows what the tables hold."""

from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from reports import render
from reports.pages.frame import rendered

DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
HOSTILE = "<img src=x onerror=alert(1)>.jpg"
LABELS = {f"{i:02}.jpg": ("cat", "dog")[i % 2] for i in range(29)} | {HOSTILE: "cat", "both.jpg": "cat+dog"}


@pytest.fixture(scope="module")
def report(write_run, tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("browser") / "run", LABELS)
    scores = pd.read_parquet(folder / "scores.parquet")
    render(folder)
    return folder / "report.html", scores


@pytest.fixture
def opened(browser, report):
    """Opens the page and collects what it complains about."""
    path, scores = report
    pages, complaints = [], []

    def go(fragment: str = "", **options: object):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("#gallery-cards li", state="attached")
        return page

    yield go, scores
    for page in pages:
        page.close()
    assert complaints == []


def names(page) -> list[str]:
    return page.locator("#gallery-cards b").all_inner_texts()


def test_the_gallery_filters_and_shows_more(opened):
    page = opened[0]()
    assert page.inner_text("#gallery-count") == "24 of 31 images"
    page.click("#gallery-more")
    assert page.inner_text("#gallery-count") == "31 of 31 images"
    assert page.is_hidden("#gallery-more")
    page.select_option("#gallery-class", "dog")
    assert names(page) == [name for name, label in LABELS.items() if label == "dog"]
    page.select_option("#gallery-correct", "yes")  # all are called cats
    assert page.inner_text("#gallery-count") == "0 of 0 images"
    page.select_option("#gallery-class", "cat+dog")
    assert names(page) == ["both.jpg"]
    page.select_option("#gallery-role", "wrong")  # both animals are there: none is the wrong one
    assert names(page) == []


@pytest.mark.parametrize("role", ["right", "wrong"])
def test_it_sorts_by_the_values_of_the_chosen_map(opened, role):
    go, scores = opened
    page = go()
    for name, value in (("class", "dog"), ("role", role), ("method", "layercam"), ("sort", "effective_area")):
        page.select_option(f"#gallery-{name}", value)
    own = scores[scores["metric"].eq("effective_area") & scores["method"].eq("layercam") & scores["label"].eq("dog")]
    own = own[own["role"].eq(role)].sort_values("value")
    assert names(page) == own["image_id"].tolist()
    page.select_option("#gallery-order", "down")
    assert names(page) == own["image_id"].tolist()[::-1]
    assert f"{own['value'].iloc[-1]:.3f}" in page.locator("#gallery-cards span").first.inner_text()


def test_the_detail_shows_the_scores_and_curves_of_the_image(opened, report):
    go, scores = opened
    page = go()
    page.locator("#gallery-cards button", has_text="03.jpg").click()
    assert page.inner_text("#gallery-title") == "03.jpg"
    assert page.locator("#gallery-panels canvas").count() == 5
    assert page.input_value("#gallery-target") == "1"  # it shows a dog
    row = page.locator("#gallery-scores tr", has_text="effective area").first.locator("td").all_inner_texts()
    chosen = scores.set_index(["image_id", "target", "metric", "method"])["value"]
    values = [chosen["03.jpg", "dog", "effective_area", method] for method in ("gradcam", "layercam")]
    assert row[::2] == [f"{value:.3f}" for value in values]
    right = scores[scores["role"].eq("right") & scores["metric"].eq("effective_area") & scores["method"].eq("gradcam")]
    assert row[1] == f"{100 * (right['value'] <= values[0]).mean():.0f} %"
    curves = pd.read_parquet(report[0].parent / "curves.parquet")
    own = curves[curves["image_id"].eq("03.jpg") & curves["target"].eq("dog") & curves["method"].eq("gradcam")]
    expected = own[own["direction"].eq("deletion")]
    points = page.locator("#gallery-curves polyline").first.get_attribute("points").split()
    heights = [1 - (float(point.split(",")[1]) - 10) / 150 for point in points]
    np.testing.assert_allclose(heights, expected["probability"].iloc[0], atol=1 / 255)


def test_the_slider_blends_the_map(opened):
    page = opened[0](f"#image={quote('03.jpg')}")
    read = """() => Array.from(document.querySelectorAll("#gallery-panels canvas")[1]
        .getContext("2d").getImageData(0, 0, 32, 32).data)"""

    def pixels(blend: int) -> np.ndarray:
        page.evaluate(
            "blend => { const s = document.getElementById('gallery-blend'); s.value = blend; s.oninput(); }", blend
        )
        page.wait_for_timeout(200)
        return np.array(page.evaluate(read), dtype=float)

    none, half, full = (pixels(blend) for blend in (0, 50, 100))
    assert np.abs(none - full).mean() > 10
    np.testing.assert_allclose(half, (none + full) / 2, atol=3)


def test_links_lead_to_an_image_and_the_keyboard_through_them(opened):
    page = opened[0](f"#image={quote('02.jpg')}")
    page.wait_for_selector("#gallery-detail[open]")
    assert page.inner_text("#gallery-title") == "02.jpg"
    page.focus("#gallery-close")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.getElementById('gallery-title').textContent === '03.jpg'")
    assert page.url.endswith("#image=03.jpg")
    page.keyboard.press("Escape")
    page.wait_for_selector("#gallery-detail[open]", state="detached")
    assert page.url.endswith("#gallery")


def test_hostile_names_are_text(opened):
    page = opened[0](f"#image={quote(HOSTILE)}")
    page.wait_for_selector("#gallery-detail[open]")
    assert page.inner_text("#gallery-title") == HOSTILE
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(opened, scheme):
    page = opened[0](viewport={"width": 400, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#gallery-cards button").first.click()
    box = page.locator("#gallery-detail").bounding_box()
    assert box["width"] <= 400
    paper, ink = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    colours = {"light": ("rgb(255, 255, 255)", "rgb(26, 26, 26)"), "dark": ("rgb(22, 24, 28)", "rgb(232, 232, 232)")}
    assert (paper, ink) == colours[scheme]


PAGES = {
    "history.html": {
        "root": "nights", "count": 1, "first": "a", "last_kept": "a", "few": True, "fewest": 10, "figures": [],
        "left_out": [HOSTILE], "changes": {"columns": ["night"], "rows": []},
        "nights": [
            dict.fromkeys(("night", "link", "day", "time", "state", "said", "weights", "revision", "device"), HOSTILE)
            | {"kind": "failed", "more": [HOSTILE]}
        ],
    },
    "lab.html": {
        "checkpoint": {"name": HOSTILE, "arch": "alexnet"}, "layers": [HOSTILE], "methods": [HOSTILE], "pictures": [],
        "classes": ["cat"], "skipped": [{"path": HOSTILE, "reason": "<script>alert(2)</script>"}],
        "predictions": [{"name": HOSTILE, "label": "cat", "predicted": "cat", "probability": [1.0]}],
    },
}  # fmt: skip


def seen(browser, path) -> tuple[object, list[str], list[str]]:
    """An opened page, its errors, and what it asked the network for."""
    page, errors, asked = browser.new_page(), [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    return page, errors, [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize("name", PAGES)
def test_the_other_pages_keep_their_policy_and_their_looks(browser, tmp_path, name):
    path = tmp_path / name
    path.write_text(rendered(name, PAGES[name]))
    page, errors, asked = seen(browser, path)
    assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none"
    assert "onerror=alert(1)" in page.inner_text("main")
    assert (errors, asked) == ([], [])
    page.close()


@pytest.mark.parametrize(
    "smuggled",
    [
        "<script>document.title = 'ran'</script>",
        "<img src=x onerror=\"document.title = 'ran'\">",
        f"<img src={DOT} onload=\"document.title = 'ran'\">",
        "<iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\"></iframe>",
        "<style>body { display: none }</style>",
        "<link rel=stylesheet href=http://localhost:9/x.css>",
    ],
)
def test_the_policy_stops_what_gets_into_the_page_all_the_same(browser, report, tmp_path, smuggled):
    path = tmp_path / "report.html"
    path.write_text(report[0].read_text().replace("</header>", f"{smuggled}</header>", 1))
    page, errors, _ = seen(browser, path)
    page.wait_for_selector("#gallery-cards li", state="attached")
    assert page.title() != "ran"
    assert page.is_visible("h1")
    assert any("Content Security Policy" in error for error in errors)
    page.close()


KINDS = ("ant", "bee", "crab", "deer", "owl")
SHOWN = {f"{i}.jpg": KINDS[i % 5] for i in range(10)} | {"several.jpg": "ant+crab+owl"}


def test_the_gallery_of_five_classes_shows_the_maps_that_have_a_role(browser, write_run, tmp_path):
    folder = write_run(tmp_path / "run", SHOWN, classes=KINDS)
    scores = pd.read_parquet(folder / "scores.parquet")
    render(folder)
    page, complaints = browser.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((folder / "report.html").as_uri())
    page.wait_for_selector("#gallery-cards li", state="attached")
    assert page.locator("#gallery-class option").all_inner_texts() == ["all", *sorted({*SHOWN.values()})]
    for name, value in (("class", "deer"), ("role", "wrong"), ("method", "layercam"), ("sort", "effective_area")):
        page.select_option(f"#gallery-{name}", value)
    own = scores[scores["metric"].eq("effective_area") & scores["method"].eq("layercam") & scores["label"].eq("deer")]
    own = own[own["role"].eq("wrong")].sort_values("value")
    assert set(own["target"]) == {"owl"}  # the rival, not the class beside it in a list of two
    assert names(page) == own["image_id"].tolist()
    page.locator("#gallery-cards button").first.click()
    assert page.locator("#gallery-target option").all_inner_texts() == ["deer (right)", "owl (wrong)"]
    assert page.locator("#gallery-panels figcaption").all_inner_texts()[1::2] == ["Gradcam, deer", "Gradcam, owl"]
    page.select_option("#gallery-target", "4")
    row = page.locator("#gallery-scores tr", has_text="effective area").first.locator("td").all_inner_texts()
    assert row[2] == f"{own['value'].iloc[0]:.3f}"
    page.click("#gallery-close")
    page.select_option("#gallery-class", "ant+crab+owl")
    assert names(page) == []  # none of three that are there is the wrong one
    page.select_option("#gallery-role", "right")
    page.locator("#gallery-cards button").first.click()
    assert page.locator("#gallery-target option").all_inner_texts() == [
        "ant (present)",
        "crab (present)",
        "owl (present)",
    ]
    page.close()
    assert complaints == []
