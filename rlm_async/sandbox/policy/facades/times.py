"""Modules for dates and for addresses of pages: datetime, time, calendar, urllib.parse."""

from __future__ import annotations

import _strptime  # type: ignore[import-not-found]  # noqa: F401  # loaded before the file system closes
import calendar
import datetime as dt
import time
import urllib.parse

from rlm_async.sandbox.policy.facades.tables import Tables, picked
from rlm_async.sandbox.policy.sizes import check_width

_CALENDAR = """isleap leapdays weekday monthrange MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY timegm"""
_URLS = """quote quote_plus unquote unquote_plus urlencode urljoin urlparse urlsplit urlunparse urlunsplit parse_qs
    parse_qsl urldefrag"""
_TIME = """time time_ns perf_counter monotonic process_time gmtime localtime mktime strptime struct_time ctime
    asctime"""
LONGEST_SLEEP = 5.0
"""Seconds; a longer sleep is cut."""


def modules() -> Tables:
    """The tables of these modules."""
    return {
        "datetime": picked(dt, "date datetime time timedelta timezone UTC MINYEAR MAXYEAR"),
        "time": picked(time, _TIME) | {"sleep": sleep, "strftime": time.strftime},
        "calendar": picked(calendar, _CALENDAR)
        | {name: tuple(getattr(calendar, name)) for name in ("month_name", "month_abbr", "day_name", "day_abbr")}
        | {"month": _month},
        "urllib.parse": picked(urllib.parse, _URLS),
    }  # fmt: skip


def sleep(seconds: float) -> None:
    """`time.sleep`, for at most `LONGEST_SLEEP` seconds."""
    time.sleep(min(max(float(seconds), 0.0), LONGEST_SLEEP))


def _month(year: int, month: int, w: int = 0, l: int = 0) -> str:  # noqa: E741  # its name in the standard library
    check_width(max(w, l))
    return calendar.month(year, month, w, l)
