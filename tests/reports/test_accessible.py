"""The page for every reader: axe-core finds nothing, the keyboard reaches everything, print takes few pages."""

import re

import pytest

axe = pytest.importorskip("axe_playwright_python.base", reason="pip install axe-playwright-python")

FOCUSED = "(at => [at.tagName, at.id || at.textContent.trim()])(document.activeElement)"
SHEETS = 6  # that a print takes at most


@pytest.fixture
def page(browser, three):
    page = browser.new_page()
    page.goto(three.as_uri())
    page.wait_for_selector("#gallery-cards li", state="attached")
    yield page
    page.close()


def violations(page) -> list[str]:
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{entry['id']}: {node['target']} {node['failureSummary']}" for entry in found for node in entry["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_everything_unfolded(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert violations(page) == []


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 400)])
def test_axe_finds_nothing_in_an_opened_image_and_on_a_phone(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("#gallery-cards button").first.click()
    page.wait_for_selector("#gallery-detail[open]")
    assert violations(page) == []


def test_axe_sees_what_is_wrong(page):
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: 'data:,'}))")
    assert any(text.startswith("image-alt") for text in violations(page))


def test_the_keyboard_reaches_and_leaves_everything(page):
    order = []
    for _ in range(200):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUSED))
        if order[-1][0] == "BODY":
            break
    assert order[-1][0] == "BODY"  # nothing holds it
    reached = {text for _, text in order}
    assert {"Scorecard", "gallery-class", "gallery-sort", "rank"} <= reached
    assert page.locator("summary:visible").count() == sum(tag == "SUMMARY" for tag, _ in order)


def test_a_print_takes_few_pages(page):
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert 1 <= len(sheets) <= SHEETS
