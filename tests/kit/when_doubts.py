"""The forms of "sleep until" that are refused, each with its readings (see `tests.kit.when_evaluator`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from tests.kit import when_forms as forms
from tests.kit.when_evaluator import WEEKDAYS, Said, Speaker
from tests.kit.when_forms import MONTHS
from tests.kit.when_walk import (
    DAY,
    END_OF_DAY,
    MIDNIGHT,
    Clock,
    at,
    days_later,
    first_of_next_month,
    months_later,
    target,
    walk,
    wall,
)


def vague_clock(s: Speaker) -> tuple[str, list[Clock]]:
    """A clock that may be one of several, or none, beside a day."""
    now, hour = wall(s.home, s.now).time(), s.chance.randrange(1, 13)
    clocks: list[tuple[str, list[Clock]]] = [
        (f"at {hour}", [time(12), time(0)] if hour == 12 else [time(hour), time(hour + 12)]),
        (f"{hour} o'clock", [time(12), time(0)] if hour == 12 else [time(hour), time(hour + 12)]),
        (f"{hour + 5:02}30", [time(hour + 5, 30)]),
        (f"{hour + 5:02}00 hours", [time(hour + 5)]),
        ("end of day", [time(17), END_OF_DAY]),
        ("13:15 AM", [time(13, 15), time(1, 15)]),
        ("0:30 pm", [time(0, 30), time(12, 30)]),
        ("midnight", [MIDNIGHT, END_OF_DAY]),
        (s.pick(["morning", "in the evening", "afternoon"]), []),
        ("", [MIDNIGHT, now]),
    ]
    return s.pick(clocks)


def day_and_vague_clock(s: Speaker) -> Said:
    """``tomorrow at 9``, ``next friday midnight``, ``monday``, ``today end of day``."""
    clock, clocks = vague_clock(s)
    word, meanings = s.day_word()
    instants = [instant for each in clocks for instant in meanings(s.today(), each, s.home)[0]]
    turned = [f"{clock} {word}"] if clock and not clock.startswith("in ") else []
    return Said(s.pick([f"{word} {clock}", *turned]), tuple(instants), certain=False)


def date_and_vague_clock(s: Speaker) -> Said:
    """``2026-12-01``, ``Dec 1 at 9``."""
    clock, clocks = vague_clock(s)
    day = s.today() + s.chance.randrange(1, 300) * DAY
    month = MONTHS[day.month - 1]
    words = [str(day), f"{month} {day.day}, {day.year}", f"{day.day} {month[:3]} {day.year}"]
    meanings = tuple(at(s.home, target(day, each), s.now) for each in clocks)
    return Said(f"{s.pick(words)} {clock}", meanings, certain=False)


def vague_clock_alone(s: Speaker) -> Said:
    """``at 9``, ``0900``: the next ones."""
    hour = s.chance.randrange(1, 13)
    hours = (12, 0) if hour == 12 else (hour, hour + 12)
    forms: list[tuple[str, list[Clock]]] = [
        (f"at {hour}", [time(each) for each in hours]),
        (f"{hour + 5:02}45", [time(hour + 5, 45)]),
        (s.pick(["tonight", "this evening", "in the morning", "tonight 09:00", "tonight 4 am"]), []),
    ]
    text, clocks = s.pick(forms)
    return Said(text, tuple(walk(s.home, s.now, each, lambda _: True) for each in clocks), certain=False)


def hours_of_four_digits(s: Speaker) -> Said:
    """``0900 hours``: a clock, or a length."""
    hour = s.chance.randrange(24)
    clock = walk(s.home, s.now, time(hour), lambda _: True)
    return Said(f"{hour:02}00 hours", (clock, s.now + timedelta(hours=hour * 100)), certain=False)


def number_alone(s: Speaker) -> Said:
    """``90``: minutes, seconds or hours."""
    number = s.chance.randrange(1, s.pick([1000, 30_000_000]))
    number += 10_000 if 999 < number < 10_000 else 0
    meanings = tuple(s.now + timedelta(seconds=number * unit) for unit in (60, 1, 3600))
    return Said(f"{s.maybe('in ', 0.3)}{number}", meanings, certain=False)


def slashes(s: Speaker) -> Said:
    """``03/04 09:00``, ``12.01.2026 09:00``: day or month first."""
    day = s.today() + s.chance.randrange(1, 180) * DAY
    mark, nine = s.pick("/."), time(9)
    orders = [(day.month, day.day)] + ([(day.day, day.month)] if day.day <= 12 else [])
    year = str(day.year) if s.chance.random() < 0.5 or (day.month, day.day) == (2, 29) else ""
    text = f"{day.month:02}{mark}{day.day:02}{mark if year else ''}{year} 09:00"
    if mark == ".":
        orders.reverse()
    if year:
        return Said(
            text, tuple(at(s.home, target(date(day.year, *o), nine), s.now) for o in orders), certain=False
        )
    years = [[date(s.today().year + late, *order) for late in (0, 1)] for order in orders]
    found = [[at(s.home, target(each, nine), s.now) for each in days] for days in years]
    return Said(text, tuple(next(i for i in each if i > s.now) for each in found), certain=False)


def months(s: Speaker) -> Said:
    """``1M``, ``2 months``, ``1 year``, ``P1M``."""
    number = s.chance.randrange(1, 11)
    if s.chance.random() < 0.3:
        return Said(
            f"{s.maybe('in ')}{number}M",
            (s.now + timedelta(minutes=number), months_later(s.home, s.now, number)),
            certain=False,
        )
    text, count = s.pick(
        [(f"{number} months", number), ("1 year", 12), (f"P{number}M", number), ("a month", 1)]
    )
    return Said(s.maybe("in ") + text, (months_later(s.home, s.now, count),), certain=False)


def next_span(s: Speaker) -> Said:
    """``next week``, ``next month``, ``next year``: it begins, or this time of day."""
    monday = s.today() + DAY
    while monday.weekday() != 0:
        monday += DAY
    text, meanings = s.pick(
        [
            ("next week", (s.on(monday, MIDNIGHT), days_later(s.home, s.now, 7))),
            ("next month", (first_of_next_month(s.home, s.now), months_later(s.home, s.now, 1))),
            ("next year", (first_of_next_month(s.home, s.now, year=True), months_later(s.home, s.now, 12))),
        ]
    )
    return Said(text, meanings, certain=False)


def zone_in_doubt(s: Speaker) -> Said:
    """``Etc/GMT+1``, a city, letters that several places use."""
    noon = datetime.combine(s.today() + 3 * DAY, time(12))
    places: list[tuple[str, list[tzinfo]]] = [
        ("Etc/GMT+1", [timezone(timedelta(hours=sign)) for sign in (-1, 1)]),
        ("Paris", [ZoneInfo("Europe/Paris")]),
        (s.pick(["new york", "ET", "et"]), [ZoneInfo("America/New_York")]),
        ("IST", [ZoneInfo(name) for name in ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem")]),
    ]
    name, zones = s.pick(places)
    text = f"{noon.date()} {s.pick(['12:00', 'noon', '12 pm'])} {name}"
    return Said(text, tuple(at(zone, noon, s.now) for zone in zones), certain=False)


def weekday_in_doubt(s: Speaker) -> Said:
    """``Mon, 01 Dec 2026 09:00`` when that is a Tuesday: the date, or the nearest Monday."""
    day = s.today() + s.chance.randrange(1, 180) * DAY
    near = day + s.pick([-3, -2, -1, 1, 2, 3]) * DAY
    text = f"{WEEKDAYS[near.weekday()][:3]}, {day.day:02} {MONTHS[day.month - 1][:3]} {day.year} 09:00"
    return Said(text, tuple(at(s.home, target(each, time(9)), s.now) for each in (day, near)), certain=False)


def length_in_doubt(s: Speaker) -> Said:
    """``1h30``, ``half a day``."""
    number = s.chance.randrange(1, 60)
    text, lengths = s.pick(
        [
            (f"1h{number}", [timedelta(hours=1, minutes=number), timedelta(hours=1, seconds=number)]),
            (f"{number}m30", [timedelta(minutes=number, seconds=30)]),
            (s.pick(["half a day", "0.5 days"]), [timedelta(hours=12)]),
        ]
    )
    return Said(text, tuple(s.now + length for length in lengths), certain=False)


def end_of_day(s: Speaker) -> Said:
    """``EOD``, ``end of day tomorrow``."""
    text, day = s.pick(
        [("end of day", s.today()), ("EOD", s.today()), ("end of day tomorrow", s.today() + DAY)]
    )
    return Said(text, (s.on(day, time(17)), s.on(day, END_OF_DAY)), certain=False)


def day_of_month(s: Speaker) -> Said:
    """``the 15th at 9am``: of this month or the next ones."""
    number = s.chance.randrange(1, 32)
    days = [s.today() + step * DAY for step in range(130)]
    found = [at(s.home, target(day, time(9)), s.now) for day in days if day.day == number]
    ahead = [instant for instant in found if instant > s.now]
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}.get(number, "th")
    return Said(
        f"{s.maybe('the ')}{number}{ending} {s.pick(['09:00', 'at 9am'])}", tuple(ahead[:2]), certain=False
    )


def gone(s: Speaker) -> Said:
    """``yesterday 09:00``, ``5 minutes ago``, a date of last year."""
    clock, meaning = s.clock()
    over = at(s.home, target(s.today() - DAY, meaning), s.now)
    march = f"2025-03-0{s.chance.randrange(1, 10)}T09:00"
    text, instant = s.pick([(f"yesterday {clock}", over), ("5 minutes ago", None), (march, None)])
    return Said(text, (instant,))


FORMS: tuple[Callable[[Speaker], Said], ...] = (
    *(forms.duration, forms.duration_in_words, forms.days_at_clock, forms.clock_alone, forms.midnight_alone),
    *(forms.day_and_clock, forms.day_and_clock, forms.day_and_clock, forms.tonight, forms.english_date),
    *(forms.iso, forms.iso_with_offset_and_zone, forms.mail_date, forms.epoch, forms.echoed),
    *(
        day_and_vague_clock,
        day_and_vague_clock,
        date_and_vague_clock,
        vague_clock_alone,
        hours_of_four_digits,
    ),
    *(number_alone, slashes, months, next_span, zone_in_doubt, weekday_in_doubt, length_in_doubt, end_of_day),
    *(day_of_month, gone),
)

_SPACES = "\u00a0\u202f\u2009\u3000\t"


def say(s: Speaker, form: Callable[[Speaker], Said] | None = None) -> Said:
    """Say something, at times in capital letters or with spaces that no keyboard has."""
    said = (form or s.pick(FORMS))(s)
    text = said.text
    if s.chance.random() < 0.1:
        text = text.replace(" ", s.pick(_SPACES))
    if s.chance.random() < 0.1:
        text = f"  {text}{s.maybe('.')} "
    if s.chance.random() < 0.1:
        text = capital(text)
    return replace(said, text=text)


def capital(text: str) -> str:
    """The text in capital letters; the unit ``m`` stays, because ``M`` may be months."""
    return "".join(letter if letter == "m" else letter.upper() for letter in text)
