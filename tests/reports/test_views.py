"""Views of the page that hang together: dots, address, slider, tables."""

import numpy as np
import pandas as pd
import pytest

PIXELS = """() => Array.from(document.querySelector("#gallery-lives canvas")
    .getContext("2d").getImageData(0, 0, 32, 32).data)"""


@pytest.fixture
def go(browser, three):
    """Opens the page at an address, of which nothing may complain."""
    pages, complaints = [], []

    def opened(address: str = "", **options: object):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(three.as_uri() + address)
        page.wait_for_selector("#gallery-cards li", state="attached")
        return page

    yield opened
    for page in pages:
        page.close()
    assert complaints == []


def test_a_dot_of_a_figure_opens_its_image(go):
    page = go()
    dot = page.locator(".dot[data-i='3']").first
    dot.scroll_into_view_if_needed()
    dot.dispatch_event("click")
    assert page.inner_text("#gallery-title") == "03.jpg"
    assert page.url.endswith("#image=03.jpg")


def test_the_address_keeps_filters_order_and_slider_and_leads_back_there(go):
    page = go()
    for name, value in (("class", "dog"), ("sort", "effective_area"), ("order", "down")):
        page.select_option(f"#gallery-{name}", value)
    names = page.locator("#gallery-cards b").all_inner_texts()
    page.locator("#gallery-cards button").first.click()
    page.evaluate(
        "() => { const s = document.getElementById('gallery-pixels'); s.value = 35; s.oninput(); s.onchange(); }"
    )
    address = page.url.partition("#")[2]
    assert address == f"image={names[0]}&class=dog&sort=effective_area&order=down&pixels=35"
    other = go(f"#{address}")
    assert other.locator("#gallery-cards b").all_inner_texts() == names
    assert other.inner_text("#gallery-title") == names[0]
    assert other.inner_text("#gallery-said").startswith("35 % deleted: probability of ")


def test_an_address_that_means_nothing_shows_the_page_as_it_is(go):
    page = go("#image=nobody&class=%E0%A4%A&sort=nothing&pixels=x")
    assert page.locator("#gallery-cards li").count() == 12
    assert page.locator("#gallery-detail[open]").count() == 0
    assert page.input_value("#gallery-sort") == "name"


def slide(page, percent: int) -> np.ndarray:
    page.evaluate(
        "percent => { const s = document.getElementById('gallery-pixels'); s.value = percent; s.oninput(); }", percent
    )
    return np.array(page.evaluate(PIXELS), dtype=float).reshape(32, 32, 4)[..., :3]


def test_the_slider_takes_as_many_pixels_as_it_says_those_of_the_map_first(go, three):
    page = go("#image=04.jpg")
    page.wait_for_function("document.getElementById('gallery-said').textContent")
    whole, some, none = (slide(page, percent) for percent in (0, 25, 100))
    changed = np.abs(whole - none).max(axis=-1) > 0
    taken = np.abs(whole - some).max(axis=-1) > 0
    assert abs(taken.sum() - (0.25 * 32 * 32) * changed.mean()) < 0.06 * 32 * 32
    assert (some[taken] == none[taken]).all()
    page.select_option("#gallery-curve", "1")  # insertion
    page.wait_for_function("document.getElementById('gallery-said').textContent.includes('inserted')")
    assert (slide(page, 0) == none).all()
    assert (slide(page, 100) == whole).all()


def test_the_dot_lies_on_the_stored_curve(go, three):
    page = go("#image=04.jpg")
    page.wait_for_function("document.getElementById('gallery-said').textContent")
    slide(page, 50)
    curves = pd.read_parquet(three.parent / "curves.parquet")
    own = curves[curves["image_id"].eq("04.jpg") & curves["role"].eq("right") & curves["direction"].eq("deletion")]
    for method, expected in own.groupby("method")["probability"]:
        dot = page.locator(f"#gallery-curves circle[data-method='{method}'][visibility='visible']")
        assert dot.get_attribute("cx") == "160"
        assert abs(1 - (float(dot.get_attribute("cy")) - 10) / 150 - expected.iloc[0][2]) < 1 / 255  # of five points
    assert "probability of cat by" in page.inner_text("#gallery-said")


def test_tables_sort_filter_and_become_cards(go, three):
    page = go(viewport={"width": 400, "height": 800})
    fold = page.locator("details", has=page.locator("summary", has_text="All metrics"))
    fold.locator("summary").click()
    rows = len(pd.read_csv(three.parent / "tables" / "summary.csv"))
    assert fold.locator("tbody tr").count() == rows
    assert fold.locator("tbody tr").first.locator("td").first.get_attribute("data-label") == "method"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.set_viewport_size({"width": 1280, "height": 800})
    fold.locator("thead button", has_text="mean").click()
    means = [float(text) for text in fold.locator("tbody tr td:nth-child(7)").all_inner_texts() if text != "undefined"]
    assert means == sorted(means)
    fold.locator("input[type=search]").fill("layercam wrong")
    shown = fold.locator("tbody tr:visible").all_inner_texts()
    assert shown and all("layercam" in row and "wrong" in row for row in shown)


def test_a_link_to_what_is_folded_away_opens_it(go):
    page = go("#numbers")
    assert page.locator("details#numbers[open]").count() == 1


def test_wins_and_losses_open_their_image(go, three):
    page = go()
    scores = pd.read_parquet(three.parent / "scores.parquet").query("metric == 'srg_probability' and role == 'right'")
    wide = scores.pivot(index="image_id", columns="method", values="value")
    best = wide.mean().idxmax()
    lead = wide[best] - wide.drop(columns=best).mean(axis=1)
    cards = page.locator("#examples-list button")
    assert cards.count() == 4
    assert lead.idxmax() in cards.nth(0).inner_text()
    assert lead.idxmin() in cards.nth(2).inner_text()
    cards.nth(2).click()
    assert page.inner_text("#gallery-title") == lead.idxmin()
