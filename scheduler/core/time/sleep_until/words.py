"""The words of "sleep until": days, months, numbers, and the names of zones that are used for two clocks."""

from __future__ import annotations

from datetime import timedelta

from scheduler.core.time.sleep_until.meaning import Ahead, Clock, Day, MonthsAhead, StartOfNext, WorkingDay

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

WEEKDAYS = {
    spelling: number
    for number, name in enumerate(WEEKDAY_NAMES)
    for spelling in (name.lower(), name.lower()[:3])
} | {"tues": 1, "thur": 3, "thurs": 3}
MONTHS = {
    spelling: number for number, name in enumerate(_MONTH_NAMES, start=1) for spelling in (name, name[:3])
} | {"sept": 9}

_NUMBER_NAMES = "one two three four five six seven eight nine ten eleven twelve"
NUMBERS = {"a": 1, "an": 1} | {name: n for n, name in enumerate(_NUMBER_NAMES.split(), start=1)}

DAYS: dict[str, Day] = {
    "today": Ahead(0),
    "tomorrow": Ahead(1),
    "yesterday": Ahead(-1),
    "day after tomorrow": Ahead(2),
    "the day after tomorrow": Ahead(2),
    "next weekday": WorkingDay(),
    "next business day": WorkingDay(),
    "next working day": WorkingDay(),
}

END_OF_DAY = ("end of day", "end of the day", "eod", "close of business", "cob")
ENDS_OF_DAY: tuple[Clock, ...] = (timedelta(hours=17), timedelta(hours=24))

# A stretch of time, not an instant: its beginning, or the same time of day as now.
STRETCHES: dict[str, tuple[tuple[Day, Clock], ...]] = {
    "next week": ((StartOfNext("week"), timedelta()), (Ahead(7), None)),
    "next month": ((StartOfNext("month"), timedelta()), (MonthsAhead(1), None)),
    "next year": ((StartOfNext("year"), timedelta()), (MonthsAhead(12), None)),
}

PARTS_OF_A_DAY = tuple(
    f"{lead}{part}"
    for lead in ("", "this ", "in the ")
    for part in ("morning", "afternoon", "evening", "night", "lunch", "lunchtime")
)
"""None of them is one time, however it is combined."""

NOW = ("now", "right now", "immediately", "asap")

# Places that use the letters for clocks that differ, at least for a part of the year.
ABBREVIATIONS = {
    "pst": ("America/Los_Angeles", "Asia/Manila"),
    "pdt": ("America/Los_Angeles", "America/Tijuana"),
    "pt": ("America/Los_Angeles",),
    "mst": ("America/Denver", "America/Phoenix"),
    "mdt": ("America/Denver", "America/Edmonton"),
    "mt": ("America/Denver",),
    "cst": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "cdt": ("America/Chicago", "America/Havana"),
    "ct": ("America/Chicago",),
    "est": ("America/New_York", "America/Panama"),
    "edt": ("America/New_York", "America/Port-au-Prince"),
    "et": ("America/New_York",),
    "ast": ("America/Halifax", "Asia/Riyadh"),
    "adt": ("America/Halifax",),
    "hst": ("Pacific/Honolulu",),
    "akst": ("America/Anchorage",),
    "bst": ("Europe/London", "Asia/Dhaka"),
    "ist": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "wet": ("Europe/Lisbon", "Atlantic/Canary"),
    "west": ("Europe/Lisbon",),
    "cet": ("Europe/Berlin", "Africa/Algiers"),
    "cest": ("Europe/Berlin",),
    "met": ("Europe/Berlin",),
    "eet": ("Europe/Helsinki", "Africa/Tripoli"),
    "eest": ("Europe/Helsinki",),
    "msk": ("Europe/Moscow",),
    "sgt": ("Asia/Singapore",),
    "sst": ("Asia/Singapore", "Pacific/Pago_Pago"),
    "hkt": ("Asia/Hong_Kong",),
    "jst": ("Asia/Tokyo",),
    "kst": ("Asia/Seoul",),
    "aest": ("Australia/Sydney", "Australia/Brisbane"),
    "aedt": ("Australia/Sydney",),
    "acst": ("Australia/Adelaide", "Australia/Darwin"),
    "awst": ("Australia/Perth",),
    "nzst": ("Pacific/Auckland",),
    "nzdt": ("Pacific/Auckland",),
}
