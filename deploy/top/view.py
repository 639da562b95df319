"""The screen of `./lotsman top`: tables that are filled anew every few seconds. It changes nothing in the system."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Label, Static

from deploy.top import rows
from services.chassis.figures import Answers, Since

Ask = Callable[[], Awaitable[Mapping[str, Answers]]]

TABLES: Final[Mapping[str, tuple[str, rows.Row, Callable[[Mapping[str, Since]], list[rows.Row]]]]] = {
    "services": ("Services", rows.SERVICES, rows.services),
    "waiting": ("What waits", rows.WAITING, rows.waiting),
    "lag": ("Lag by topic", rows.LAG, rows.lag),
    "parked": ("Parked, by cause", rows.PARKED, rows.parked),
    "terms": ("Terms", rows.TERMS, rows.terms),
}
"""By its id: the title of a table, its columns, and how its rows are made."""


class Top(App[None]):
    """Asks (`ask`) every so many seconds (`every`), and shows what came of it."""

    CSS = """
    #moment { padding: 0 1; text-style: bold; }
    .title { padding: 1 1 0 1; text-style: bold; }
    DataTable { height: auto; margin: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("p", "pause", "Pause"),
        ("r", "refresh_now", "Now"),
    ]
    TITLE = "lotsman top"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, ask: Ask, every: float) -> None:
        super().__init__()
        self._ask = ask
        self._every = every
        self._paused = False
        self._last: Mapping[str, Answers] = {}
        self.shown: Mapping[str, Since] = {}
        """What the tables show."""

    def compose(self) -> ComposeResult:
        """The tables, one below the other."""
        yield Static(id="moment")
        with VerticalScroll():
            for name, (title, columns, _) in TABLES.items():
                yield Label(title, id=f"{name}-title", classes="title")
                table = DataTable[Text](id=name, show_cursor=False, zebra_stripes=True)
                table.add_columns(*(_cell(column, column) for column in columns))
                yield table
        yield Footer()

    async def on_mount(self) -> None:
        """Begins to ask."""
        self.set_interval(self._every, self._step)
        self.call_later(self._look)

    async def action_refresh_now(self) -> None:
        """Asks at once."""
        await self._look()

    def action_pause(self) -> None:
        """Lets what is shown stand still, or go on."""
        self._paused = not self._paused
        self._tell_moment()

    async def _step(self) -> None:
        if not self._paused:
            await self._look()

    async def _look(self) -> None:
        now = await self._ask()
        if not self.is_running:  # it was left meanwhile
            return
        self.shown = {name: Since(self._last.get(name), one) for name, one in now.items()}
        self._last = now
        for name, (title, columns, made) in TABLES.items():
            table, found = self.query_one(f"#{name}", DataTable), made(self.shown)
            table.clear()
            for row in found:
                table.add_row(*map(_cell, columns, row))
            table.display = bool(found)
            self.query_one(f"#{name}-title", Label).update(title if found else f"{title}: none")
        self._tell_moment()

    def _tell_moment(self) -> None:
        moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        stands = "  (it stands still: p)" if self._paused else ""
        self.query_one("#moment", Static).update(f"{moment}   {rows.to_register(self.shown)}{stands}")


def _cell(column: str, text: str) -> Text:
    """What stands below a column: figures one under the other, as one compares them."""
    return Text(text, justify="left" if column in rows.WORDS else "right")
