"""People in front of the product: a signed-in browser that notes what must not happen, and what each page must pass."""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from capacity.local.options import PROJECT_DIR
from tests.journeys.product import PASSWORD

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# A browser that asks nobody outside for anything by itself.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]
PICTURES = PROJECT_DIR / "test-output"
REVIEW_KB, PAGE_KB, ELEMENTS = 40, 20, 2000
# A whole document, opened to be read.
METHODS_KB, METHODS_ELEMENTS = 48, 3000
_MOST_KB = {"/": REVIEW_KB, "frozen review": REVIEW_KB, "/methods/": METHODS_KB}
# Rules that can fail in one theme and pass in the other.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
# How many pages of one kind are read for forbidden words.
SAME_KIND = 3
_ROW = re.compile(r"/(?:[A-Z]+-\d+|[a-z0-9]+-[a-z0-9]+|\d{4}-W\d\d|\d+)/")
_COUNT = "html => new DOMParser().parseFromString(html, 'text/html').querySelectorAll('*').length"
_SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_ALL_ANSWERED = "() => document.querySelector('.htmx-request') === null"
# Charts are drawn again in the first frame after a change of width; the second comes after it.
_DRAWN_AGAIN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Kinds of elements in their places: what an accessibility rule looks at, without the texts.
_KINDS = """() => [...new Set([...document.querySelectorAll('body *')].filter((e) => !e.closest('.js-plotly-plot')).map(
    (e) => [e.parentElement, e].map((x) => x.tagName + '.' + x.getAttribute('class')).join(' > ')
    + [...e.attributes].map((a) => a.name).join() + (e.getAttribute('aria-label') === '' ? ' unnamed' : '')))]"""


class Visit:
    """One person's browser window. `wrong` collects console messages and page errors, `elsewhere` foreign requests."""

    def __init__(self, browser: Browser, url: str, *, script: bool = True) -> None:
        self.url = url
        self.context = browser.new_context(viewport=WIDE, java_script_enabled=script, reduced_motion="reduce")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.wrong: list[str] = []
        self.refused = 0
        self.elsewhere: list[str] = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.context.on("request", self._note_request)

    def _note_message(self, message: ConsoleMessage) -> None:
        # A page that is to be refused is told so on the console too.
        if self.refused and f"status of {self.refused} " in message.text:
            return
        self.wrong.append(f"{self.page.url}: {message.type}: {message.text}")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.elsewhere.append(request.url)

    def sign_in(self, username: str) -> Visit:
        self.page.goto(f"{self.url}/sign-in/")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_selector(".tools details.menu")
        return self

    def go(self, path: str, *, status: int = 200) -> Response:
        # A question under way is answered before the page is left: the library calls what it gives up an error.
        self.page.wait_for_function(_ALL_ANSWERED)
        self.refused = status if status >= 400 else 0
        answer = self.page.goto(self.url + path)
        assert answer is not None and answer.status == status, f"{path}: {answer and answer.status}"
        return answer

    def offered(self) -> list[str]:
        """Where navigation and account menu of this page lead."""
        links = self.page.eval_on_selector_all(
            "nav.nav a, .tools .menu a", "links => links.map((link) => link.getAttribute('href'))"
        )
        return list(dict.fromkeys(links))

    def main(self) -> str:
        """The page's `<main>` as served, without the token that differs from answer to answer and the week stepper."""
        html = self.context.request.get(self.page.url).text()
        found = re.search(r"<main.*?</main>", html, re.S)
        assert found, self.page.url
        text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", found[0])
        return re.sub(r'<nav class="stepper".*?</nav>', "", text, flags=re.S)

    def picture(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def close(self) -> None:
        self.context.close()


class Checks:
    """What every page must pass. Accessibility is checked on each page once, and again where a role's page has kinds of
    elements that no page had before: axe takes seconds."""

    def __init__(self) -> None:
        self._checked: set[str] = set()
        self._routes: set[str] = set()

    def faults(self, visit: Visit, answer: Response, *, route: str) -> list[str]:
        """Everything that is wrong with the page just opened, each as one line."""
        html = answer.body()
        found = [*visit.wrong, *(f"asks {address}" for address in visit.elsewhere)]
        visit.wrong.clear()
        visit.elsewhere.clear()
        weight, most = len(gzip.compress(html)) / 1000, _MOST_KB.get(route, PAGE_KB)
        if weight > most:
            found.append(f"weighs {weight:.1f} kB, more than {most}")
        elements = visit.page.evaluate(_COUNT, html.decode())
        most_elements = METHODS_ELEMENTS if route == "/methods/" else ELEMENTS
        if elements > most_elements:
            found.append(f"has {elements} elements, more than {most_elements}")
        found += list(_sideways(visit.page)) + self._inaccessible(visit.page, route)
        return [f"{route}: {fault}" for fault in found]

    def _inaccessible(self, page: Page, route: str) -> list[str]:
        """axe in the light theme, and the rules about colours in the dark one; not again on what it has seen here."""
        kinds = set(page.evaluate(_KINDS))
        if route in self._routes and kinds <= self._checked:
            return []
        self._routes.add(route)
        self._checked |= kinds
        found = []
        for scheme, options in (("light", {}), ("dark", {"runOnly": COLOUR_RULES})):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found += [f"{scheme}: {violation}" for violation in violations(page, **options)]
        page.emulate_media(color_scheme="light")
        return found


def violations(page: Page, **options: Any) -> list[str]:
    """axe's violations, each with its first element."""
    # A chart is one picture with a sentence and a table; axe has nothing to say about what is drawn in it.
    drawn = {"exclude": [[".js-plotly-plot"]]}
    answer = (
        Axe().run(page, context=drawn, options={"resultTypes": ["violations"], "preload": False, **options}).response
    )
    return [f"{v['id']} x{len(v['nodes'])}: {v['nodes'][0]['html'][:200]}" for v in answer["violations"]]


def sideways(page: Page) -> int:
    """By how many px the page is wider than its window, now."""
    return int(page.evaluate(_SIDEWAYS))


def _sideways(page: Page) -> Iterator[str]:
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.evaluate(_DRAWN_AGAIN)
        if over := sideways(page):
            yield f"scrolls sideways by {over} px at {size['width']}"


def every_text(visit: Visit, start: list[str]) -> dict[str, str]:
    """Path → text of every page, file and figure that can be reached by links from the given ones.

    Sorting and paging repeat the same rows: of links with a query only files are followed. Of pages that differ only in
    the row they are about (figures of two contracts) the first few are read.
    """
    todo, found, of_kind = list(start), {}, Counter[str]()
    while todo:
        path = todo.pop(0)
        kind = _ROW.sub("/*/", re.sub(r":.*:", ":*:", path))
        if path in found or of_kind[kind] >= SAME_KIND:
            continue
        of_kind[kind] += 1
        answer = visit.context.request.get(visit.url + path)
        assert answer.ok, f"{path}: {answer.status}"
        found[path] = answer.text()
        if "html" not in answer.headers["content-type"] or "?" in path:
            continue
        links = [unescape(link) for link in re.findall(r'href="(/[^"#]*|\?[^"#]*)', found[path])]
        links = [link if link.startswith("/") else path + link for link in links]
        todo += [link for link in links if "/static/" not in link and ("?" not in link or "format=csv" in link)]
    return found


def pdf_pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def save(name: str, content: bytes) -> Path:
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / name
    path.write_bytes(content)
    return path
