"""Tables for people, also in a terminal that is too narrow for them."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from deploy.cli.common import out

ENDLESS: Final = 10_000
"""A terminal in which every table has room."""
INDENT: Final = "    "
GAP: Final = "  "


def show_table(rows: Table, nothing: str = "There is none.") -> None:
    """A table, if there is room for it: else each row by itself, its first cell on a line of its own and the others
    behind their headings, those that are empty left out. No word is broken in two, and nothing is cut short. Without
    rows it says `nothing`."""
    if not rows.row_count:
        out.print(nothing, markup=False)
    elif _width(rows) <= out.width:
        out.print(rows)
    else:
        heads = [str(column.header) for column in rows.columns]
        for cells in zip(*(list(column.cells) for column in rows.columns), strict=True):
            for line in _lines(heads, [_plain(cell) for cell in cells]):
                out.print(line, soft_wrap=True)


def _width(rows: Table) -> int:
    return Measurement.get(out, out.options.update(width=ENDLESS, max_width=ENDLESS), rows).maximum


def _plain(cell: object) -> str:
    return Text.from_markup(cell).plain if isinstance(cell, str) else str(cell)


def _lines(heads: Sequence[str], cells: Sequence[str]) -> Iterator[Text]:
    """One row, as many cells in a line as there is room for; a cell that has no room stands alone, whole."""
    yield Text(cells[0] or "–", style="bold")
    line = Text(INDENT)
    for head, cell in zip(heads[1:], cells[1:], strict=True):
        if not cell:
            continue
        if len(line.plain) > len(INDENT) and len(f"{line.plain}{head} {cell}") > out.width:
            yield line
            line = Text(INDENT)
        line.append(f"{head} ", style="dim").append(cell + GAP)
    if len(line.plain) > len(INDENT):
        yield line
