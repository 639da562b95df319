"""What the pages have from elsewhere lies there as it was tried."""

import gzip

from deploy.vendored import FOLDER, TAKEN, digest
from services.chassis.web import SPAN_OF_A_REQUEST
from services.desk import static_files


def test_every_file_is_the_one_that_is_pinned_and_has_its_licence_beside_it() -> None:
    assert {one.name: digest(FOLDER / one.name) for one in TAKEN} == {one.name: one.sha256 for one in TAKEN}
    packages = {one.package.partition("@")[0].partition(".")[0] for one in TAKEN}
    assert all((FOLDER / f"{name}-LICENSE").is_file() for name in packages)
    css = (FOLDER / "govuk-frontend-6.3.0.css").read_text()
    assert "GDS Transport" not in css and "@font-face" not in css and "crest" not in css and "url(" not in css


def test_a_file_of_a_page_leaves_no_span_beside_the_page() -> None:
    left_out = SPAN_OF_A_REQUEST["exclude"]
    assert left_out is not None and left_out({"path": static_files.address("desk.js")})
    assert not left_out({"path": "/ru/ops"})


def test_a_first_view_and_its_scripts_are_light() -> None:
    packed = {name: len(gzip.compress(one.content, 9)) for name, one in static_files.files().items()}
    scripts = [size for name, size in packed.items() if name.endswith(".js")]
    assert sum(scripts) <= 40_000 and sum(packed.values()) <= 60_000
    assert len(static_files.files()["desk.js"].content) <= 10_000
