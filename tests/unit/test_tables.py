"""Tables of the command line: what is typed again by hand can be read from them on any terminal."""

from io import StringIO

from rich.console import Console

from deploy.cli.common import table, when

MESSAGE = "msg_bafe82a0ff10513d94d478812014cfea"
PILOT = "b43c6797-26e0-55c7-84ac-087a614bd8c2"


def test_on_a_narrow_terminal_an_id_stays_whole_and_nothing_beside_it_is_cut_short() -> None:
    rows = table("message", "happened (UTC)", "pilot", "state", "tries", "last", "next")
    rows.add_row(MESSAGE, when("2026-03-02T09:00:00.123Z"), PILOT, "waiting", "2", "not-reached", when(None))
    out = Console(file=StringIO(), width=80)
    out.print(rows)
    shown = out.file.getvalue()  # type: ignore[attr-defined]
    assert MESSAGE in shown and "…" not in shown
    columns = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    folded = ["".join(cells) for cells in zip(*columns, strict=True)]
    assert folded == [MESSAGE, "2026-03-0209:00:00", PILOT, "waiting", "2", "not-reached", ""]
