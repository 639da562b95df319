"""What a parked record keeps of what was read."""

from services.chassis import parking
from services.chassis.parking import BROKEN, Parked
from services.chassis.subject import Record
from tests.kit.engine.tiny import START


def test_a_record_comes_out_of_the_parking_as_it_was_read_with_its_headers() -> None:
    headers = (("ce_id", b"e-1"), ("ce_type", b"t"), ("traceparent", b"00-a"), ("ce_id", b"twice"))
    record = Record("pilots.agency.demo-a.v1", 3, 7, b"key", b"\x00bytes", headers)
    assert parking.record_of(parking._row(Parked(record, BROKEN, "why"), START)) == record
