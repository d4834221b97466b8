"""The page in a real browser, from disk."""

from __future__ import annotations

import re

import pytest

from rlm_async.telemetry.page import render
from tests.viewer.runs import simulated

pytestmark = pytest.mark.required_in_ci("a page that nobody opened is not known to work")


@pytest.fixture(scope="module")
def small():
    return render(simulated((3, 4), shared=0.3, failing=0.2, seed=5))


@pytest.fixture(scope="module")
def huge():
    return render(simulated((20, 22, 22), shared=0.04, failing=0.01))


def test_it_opens_on_the_root_with_turns_code_output_and_answer(opened, small):
    tab = opened(small)
    detail = tab.page.locator("#detail")
    tab.titled("Which of these contracts")
    text = detail.inner_text()
    for words in ("Turn 1", "Turn 2", "I will look at the context first.", "8 contracts", "openai/gpt-5", "its answer"):
        assert words in text
    assert "```" not in text
    assert detail.locator(".block.code .k").count() > 3
    assert tab.page.locator("#status").inner_text() == "complete"


def test_keys_walk_fold_and_unfold_the_tree(opened, small):
    tab = opened(small)
    rows = tab.page.locator('.row:not([hidden])[role="treeitem"]')
    everything = rows.count()
    tab.press("ArrowLeft")
    assert rows.count() == 1
    assert tab.page.locator('.row[aria-selected="true"]').get_attribute("aria-expanded") == "false"
    tab.press("ArrowRight")
    assert rows.count() > 1
    tab.press("e", "End")
    assert rows.count() == everything
    assert tab.page.locator('.row[aria-selected="true"]').get_attribute("id") == f"row-{everything - 1}"
    tab.press("Home", "ArrowRight", "ArrowDown")
    chosen = tab.page.locator("#list").get_attribute("aria-activedescendant")
    assert tab.page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"


def test_a_shared_node_stands_once_and_its_other_askers_link_to_it(opened, small):
    tab = opened(small)
    link = tab.page.locator(".row.link").first
    number = re.search(r"#(\d+)", link.locator(".badge").inner_text())[1]
    link.dblclick()
    tab.page.wait_for_function(
        f"() => document.querySelector('#detail .crumbs')?.lastChild.textContent === '#{number}'"
    )
    home = tab.page.locator('.row[aria-selected="true"]')
    assert "shared by" in home.locator(".badge").inner_text()
    askers = tab.page.locator("#detail h3", has_text="Asked by")
    assert askers.count() == 1
    assert tab.page.url.endswith(f"#{number}")


def test_a_link_with_a_number_opens_at_that_node(opened, small):
    tab = opened(small, "#2")
    assert tab.page.locator("#detail .crumbs").inner_text().endswith("#2")


def test_search_looks_into_texts_states_and_numbers(opened, small):
    tab = opened(small)
    found = tab.page.locator("#found")
    for words, wanted in [
        ("does this contract renew", r"^\d+ of \d+$"),
        ("state:failed", r"^[1-9]\d* of \d+$"),
        ("#3", r"^1 of"),
        ('"8 contracts"', r"^[1-9]\d* of"),
        ("no such words anywhere", "^nothing found$"),
    ]:
        tab.page.keyboard.press("/")
        tab.page.keyboard.type(words)
        tab.page.wait_for_function(
            "wanted => new RegExp(wanted).test(document.getElementById('found').textContent)", arg=wanted
        )
        tab.page.keyboard.press("Escape")
        assert found.inner_text() == ""


def test_only_what_was_found_can_be_shown(opened, small):
    tab = opened(small)
    tab.page.fill("#search", "state:failed")
    tab.page.locator("#only").click()
    tab.settled()
    shown = tab.page.locator(".row:not([hidden]):not(.hit)")
    assert tab.page.locator(".row.hit:not([hidden])").count() >= 1
    assert all(row.get_attribute("aria-expanded") == "true" for row in shown.all())


def test_the_critical_path_can_be_walked(opened, small):
    tab = opened(small)
    numbers = []
    for _ in range(3):
        tab.press("c")
        numbers.append(tab.page.locator("#detail .crumbs").inner_text())
    assert len(set(numbers)) > 1
    assert tab.page.locator(".row.path").count() > 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_and_the_switch(opened, small, scheme):
    tab = opened(small, color_scheme=scheme)

    def brightness():
        colour = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    before = brightness()
    assert (before > 380) == (scheme == "light")
    tab.page.locator("#theme").click()
    assert (brightness() > 380) != (scheme == "light")


def test_bars_are_drawn_and_can_be_looked_at_closely(opened, small):
    tab = opened(small)

    def ink():
        return tab.page.evaluate("document.getElementById('bars').toDataURL()")

    whole = ink()
    assert len(whole) > 2_000
    tab.press("+", "+", "+")
    assert ink() != whole
    tab.press("0")
    assert ink() == whole


def test_everything_can_be_reached_by_keys_and_has_a_name(opened, small):
    tab = opened(small)
    nameless = tab.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role=tree], [role=separator]")]
            .filter(e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.title || e.closest("label")?.textContent.trim()))
            .filter(e => !e.classList.contains("twist")).map(e => e.outerHTML)"""
    )
    assert nameless == []
    reached = set()
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        reached.add(tab.page.evaluate("document.activeElement.id"))
    assert {"theme", "help", "search", "order", "fold", "unfold", "critical", "list", "split"} <= reached


def test_a_narrow_window_has_no_sideways_scrolling(opened, small):
    tab = opened(small)
    tab.page.set_viewport_size({"width": 600, "height": 800})
    tab.settled()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 600


def test_ten_thousand_nodes_cost_no_more_rows_than_fit(opened, huge, record_property):
    tab = opened(huge)
    tab.press("e", "End")
    assert tab.page.evaluate("document.querySelectorAll('.row').length") < 80
    last = int(tab.page.locator('.row[aria-selected="true"]').get_attribute("id").removeprefix("row-"))
    assert last > 10_000
    tab.page.fill("#search", "contracts/hosting-4389.txt")
    tab.page.wait_for_function("() => document.getElementById('found').textContent.startsWith('1 of')")
    opened_in = int(tab.page.evaluate("document.documentElement.dataset.ready"))
    record_property("opened_in_ms", opened_in)
    print(f"\n10,000 nodes: {len(huge):,} characters of page, opened in {opened_in} ms")


def test_a_key_that_comes_before_the_rows_are_drawn_goes_where_it_says(opened, huge):
    tab = opened(huge)
    tab.page.evaluate(
        "() => { for (const key of ['e', 'End']) list.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); }"
    )
    tab.settled()
    last = tab.page.locator('.row[aria-selected="true"]')
    assert int(last.get_attribute("id", timeout=5_000).removeprefix("row-")) > 10_000


def test_a_run_without_nodes_is_a_page_too(opened):
    tab = opened(render([]))
    assert tab.page.locator("#status").inner_text() == "not ended"
