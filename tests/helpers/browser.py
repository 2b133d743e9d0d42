"""Opens files in a headless Chromium without a network, and records every fault that it reports."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SERIOUS = {"serious", "critical"}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the installed Chromium, which refuses to run in its sandbox as root."""
    with sync_playwright() as playwright:
        arguments = ["--disable-dev-shm-usage", *["--no-sandbox"] * (os.getuid() == 0)]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Faults(list[str]):
    """What should not have happened on a page."""

    def watch(self, page: Page, file: Path) -> None:
        """Record errors, dialogs, and requests for anything but the file itself."""

        def on_request(request: Request) -> None:
            same_file = request.url.partition("#")[0] == file.as_uri()
            if not same_file and not request.url.startswith(("data:", "blob:")):
                self.append(f"request: {request.url:.200}")

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):  # violations of the policy are errors
                self.append(f"console: {message.text}")

        def on_dialog(dialog: Dialog) -> None:
            self.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("request", on_request)
        page.on("console", on_console)
        page.on("dialog", on_dialog)
        page.on("pageerror", lambda error: self.append(f"error: {error}"))


@contextmanager
def opened(
    browser: Browser,
    file: Path,
    ref: str = "",
    *,
    width: int = 1280,
    scheme: Any = "light",
    script: bool = True,
) -> Iterator[Page]:
    """Open a file in a new context of the browser, without a network; fail at the end if there was a fault."""
    faults = Faults()
    context = browser.new_context(
        offline=True,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        java_script_enabled=script,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    faults.watch(page, file)
    page.goto(f"{file.as_uri()}#{ref}" if ref else file.as_uri())
    yield page
    assert not script or page.evaluate("window.pwned") is None
    context.close()
    assert not faults, "\n".join(faults)


@cache
def _axe() -> str:
    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def findings(page: Page) -> dict[str, list[str]]:
    """Return the violations that axe-core finds in a page: the elements, by impact and rule."""
    page.evaluate(_axe())  # as a debugger does, since the policy of the page allows no other script
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return {
        f"{each['impact']} {each['id']}": [
            f"{node['target']} {node['html']:.120}" for node in each["nodes"]
        ]
        for each in result["violations"]
    }
