"""Somebody at a page who has a keyboard and nothing else: what has the focus is all that is known, and is what a screen
reader would say of it."""

import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from playwright.sync_api import Page

MOST_STEPS: Final = 400
"""Presses of Tab after which something is not reached: more than one page has controls."""
SEEN: Final = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return {tag: "", name: "", id: "", type: "", group: ""};
  const text = (one) => (one ? one.textContent : "").replace(/\\s+/g, " ").trim();
  const label = at.labels && at.labels.length ? text(at.labels[0]) : "";
  return {
    tag: at.tagName, id: at.id, type: at.type || "", value: at.value ?? "", checked: !!at.checked,
    name: at.getAttribute("aria-label") || label || text(at),
    group: text(at.closest("fieldset")?.querySelector("legend")),
  };
}"""
PATIENCE: Final = 60.0


@dataclass
class Keyboard:
    """A page and its keys; `pressed` counts them."""

    page: Page
    pressed: int = 0
    order: str = field(default="")

    def press(self, *keys: str) -> None:
        """Keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def type(self, text: str) -> None:
        """Letters into what has the focus."""
        self.page.keyboard.insert_text(text)
        self.pressed += len(text)

    def at(self) -> dict[str, Any]:
        """What has the focus."""
        found: dict[str, Any] = self.page.evaluate(SEEN)
        return found

    def to(self, name: str, tag: str = "", group: str = "") -> dict[str, Any]:
        """On by Tab to what is called so; `group`: what the group is called that it stands in."""
        seen = list[str]()
        for _ in range(MOST_STEPS):
            at = self.at()
            if at["tag"] and name in at["name"] and tag in ("", at["tag"]) and group in at["group"]:
                return at
            seen.append(f"{at['tag']} {at['name'][:60]}")
            self.press("Tab")
        raise AssertionError(f"{self.page.url}: {name!r} ({tag} {group}) is not reached by Tab: {seen[:120]}")

    def on(self, name: str, tag: str = "", group: str = "") -> None:
        """Presses what is called so: a link or a button, with Enter."""
        self.to(name, tag, group)
        with self.page.expect_navigation():
            self.press("Enter")

    def write(self, name: str, text: str, group: str = "", tag: str = "") -> None:
        """Types into the field that is called so, in the place of what stands there."""
        self.to(name, tag, group)
        self.press("Control+a")
        self.type(text)

    def choose(self, group: str, label: str) -> None:
        """One of the radio buttons of a group: Tab leads to the group, arrows go on within it."""
        for _ in range(MOST_STEPS):
            at = self.at()
            if at["type"] == "radio" and group in at["group"]:
                break
            self.press("Tab")
        else:
            raise AssertionError(f"{self.page.url}: the group {group!r} is not reached by Tab")
        self.press("Space")
        for _ in range(20):
            if self.at()["name"] == label:
                return
            self.press("ArrowDown")
        raise AssertionError(f"{self.page.url}: {group!r} has no {label!r}")

    def pick(self, name: str, option: str, group: str = "") -> None:
        """One of a list: arrows go through it."""
        self.to(name, "SELECT", group)
        for _ in range(40):
            chosen = self.page.evaluate("document.activeElement.selectedOptions[0].textContent")
            if option in chosen:
                return
            self.press("ArrowDown")
        raise AssertionError(f"{self.page.url}: {name!r} has no {option!r}")

    def day(self, name: str, day: date) -> None:
        """Types a day into its field."""
        self.to(name, "INPUT")
        self.parts_of(day)

    def parts_of(self, day: date) -> None:
        """Types a day into what has the focus, in the order in which the browser asks for its parts."""
        for order in (self.order,) if self.order else ("%m%d%Y", "%d%m%Y", "%Y%m%d"):
            for digit in day.strftime(order):
                self.press(digit)
            if self.at()["value"] == str(day):
                self.order = order
                return
            self.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
        raise AssertionError(f"{self.page.url}: no day can be typed: {self.at()}")

    def until(self, text: str) -> None:
        """Loads the page anew until it has these words: what services tell each other takes a moment."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.page.locator("body").inner_text():
            assert time.monotonic() < deadline, f"{self.page.url} without {text!r}"
            time.sleep(0.2)
            self.page.reload()  # F5: a browser without a window does not take the key
