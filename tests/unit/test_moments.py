"""A moment is stored in UTC, whatever the time zone of the machine, or said to be none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from knowledge.storage.columns import in_utc


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_one_without_a_time_zone_is_in_utc() -> None:
    assert in_utc(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)


def test_any_other_is_turned() -> None:
    assert (
        in_utc(datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))).isoformat() == "2026-01-01T00:00:00+00:00"
    )


@pytest.mark.parametrize(("moment", "hours"), [(datetime.min, 14), (datetime.max, -14)])
def test_one_that_utc_does_not_have_is_refused(moment: datetime, hours: int) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        in_utc(moment.replace(tzinfo=timezone(timedelta(hours=hours))))
