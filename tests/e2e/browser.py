"""A headless Chromium that looks at a page on loopback, and what it can measure of it."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
)
_TIMEOUT: Final = 30.0
"""Real seconds that a page may take on a slow machine."""

_TEXTS: Final = """
const parse = (text) => { const [r, g, b, a = 1] = text.match(/[0-9.]+/g).map(Number); return { r, g, b, a }; };
const over = (top, below) => Object.fromEntries(
  ["r", "g", "b"].map((c) => [c, top[c] * top.a + below[c] * (1 - top.a)]).concat([["a", 1]]));
const behind = (element) => {
  const layers = [];
  for (let each = element; each; each = each.parentElement) layers.push(parse(getComputedStyle(each).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
};
const light = ({ r, g, b }) => {
  const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const found = [];
const walker = document.createTreeWalker(document.querySelector(arguments[0]), NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
  const paper = behind(element);
  const ink = over(parse(getComputedStyle(element).color), paper);
  const [dim, bright] = [light(ink), light(paper)].sort((a, b) => a - b);
  found.push([walker.currentNode.data.trim(), (bright + 0.05) / (dim + 0.05)]);
}
return found;
"""
"""Each visible text of an element and its contrast with what is behind it (WCAG 2.2, contrast ratio)."""


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser window."""

    driver: webdriver.Chrome

    def open(self, url: str, *, width: int, height: int = 900, zone: str = "Europe/Berlin") -> None:
        """Open a page in a window of some size, somewhere on earth, and wait for its widget."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
        self.driver.get(url)
        self.wait()

    def wait(self) -> None:
        """Wait until the widget shows what its function returned."""
        WebDriverWait(self.driver, _TIMEOUT).until(
            lambda driver: driver.find_element(By.ID, "widget").get_attribute("data-state") == "ready"
        )

    def all(self, selector: str) -> list[WebElement]:
        """Return the elements that a CSS selector finds."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the visible text of each element that a CSS selector finds, with single spaces."""
        found = self.run("return Array.from(document.querySelectorAll(arguments[0]), (e) => e.innerText);", selector)
        return [" ".join(text.split()) for text in found]

    def press(self, words: str) -> None:
        """Press the button that says this."""
        (button,) = [each for each in self.all("#widget button") if each.text == words]
        button.click()

    def answer(self, *, accept: bool) -> str:
        """Answer the question that the page asks, and return it."""
        alert = self.driver.switch_to.alert
        question = str(alert.text)
        if accept:
            alert.accept()
        else:
            alert.dismiss()
        self.wait()
        return question

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns."""
        return self.driver.execute_script(script, *arguments)

    def contrasts(self, selector: str) -> list[tuple[str, float]]:
        """Return each visible text within an element with its contrast."""
        return [(text, ratio) for text, ratio in self.run(_TEXTS, selector)]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(self.run("const e = document.documentElement; return e.scrollWidth - e.clientWidth;"))

    def complaints(self) -> list[str]:
        """Return what the page's console says is wrong, since this was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def photograph(self, path: Path, selector: str = "html", most: int = 100_000) -> None:
        """Write a picture of an element, no higher than `most` pixels."""
        place = "const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();"
        clip = self.run(f"{place} return {{ x, y, width, height, scale: 1 }};", selector)
        clip["height"] = min(clip["height"], most)
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Run a browser with a fresh profile; without one on this machine the test is skipped, but in CI it fails."""
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    steering = shutil.which("chromedriver")
    if program is None or steering is None:
        missing = "chromedriver" if program else "Chromium"
        if os.environ.get("CI"):
            pytest.fail(f"{missing} is not installed, and CI tests the widget in a browser")
        pytest.skip(f"{missing} is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=steering))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
