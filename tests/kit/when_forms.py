"""The forms of "sleep until" that mean one thing, each with its instant (see `tests.kit.when_evaluator`)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.kit.when_evaluator import WEEKDAYS, Said, Speaker
from tests.kit.when_walk import DAY, END_OF_DAY, MIDNIGHT, at, days_later, target, walk, wall

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
UNITS = {
    "w": "w week weeks",
    "d": "d day days",
    "h": "h hr hrs hour hours",
    "m": "m min mins minute minutes",
    "s": "s sec secs second seconds",
}
NUMBERS = dict(
    enumerate(
        [
            *("one", "two", "three", "four", "five", "six"),
            *("seven", "eight", "nine", "ten", "eleven", "twelve"),
        ],
        start=1,
    )
)
TOKYO = ZoneInfo("Asia/Tokyo")
SECONDS = {"h": 3600, "m": 60, "s": 1}


def _lasting(s: Speaker, days: int, seconds: int) -> datetime:
    """Days of the calendar first, then time that elapses."""
    return days_later(s.home, s.now, days) + timedelta(seconds=seconds)


def duration(s: Speaker) -> Said:
    """``45m``, ``in 2 hours``, ``1h 30m from now``, ``PT20M``."""
    amounts = {
        unit: s.chance.randrange(1, 60 if unit in "ms" else 20) for unit in UNITS if s.chance.random() < 0.4
    }
    amounts = amounts or {s.pick("mhd"): s.chance.randrange(1, 50)}
    days = amounts.get("w", 0) * 7 + amounts.get("d", 0)
    seconds = sum(SECONDS[unit] * amounts.get(unit, 0) for unit in SECONDS)
    if s.chance.random() < 0.2:
        dated = "".join(f"{amounts[unit]}{unit.upper()}" for unit in "wd" if unit in amounts)
        timed = "".join(f"{amounts[unit]}{unit.upper()}" for unit in "hms" if unit in amounts)
        text = f"P{dated}{'T' if timed else ''}{timed}"
    else:
        gap, inner = s.pick(["", " "]), s.pick(["", " "])
        joint = gap or s.pick([" ", "", ", "]) if not inner else " "
        text = joint.join(
            f"{amounts[unit]}{inner}{s.pick(UNITS[unit].split())}" for unit in UNITS if unit in amounts
        )
    text = s.pick([text, f"in {text}", f"{text} from now", f"{text} later", f"in {text} from now"])
    return Said(text, (_lasting(s, days, seconds),))


def duration_in_words(s: Speaker) -> Said:
    """``half an hour``, ``in two hours``, ``1 1/2 hours``, ``1.5h``."""
    number = s.chance.randrange(1, 13)
    unit = s.pick(["minute", "hour", "day", "week"])
    seconds = {"minute": 60, "hour": 3600}.get(unit, 0)
    text, days, length = s.pick(
        [
            ("half an hour", 0, 1800),
            ("an hour and a half", 0, 5400),
            ("an hour", 0, 3600),
            ("a day", 1, 0),
            ("1 1/2 hours", 0, 5400),
            (f"{number}.5h", 0, number * 3600 + 1800),
            (f"{number}.5 hours", 0, number * 3600 + 1800),
            (
                f"{NUMBERS[number]} {unit}{'s' if number > 1 else ''}",
                {"day": number, "week": 7 * number}.get(unit, 0),
                number * seconds,
            ),
        ]
    )
    return Said(s.pick(["", "in "]) + text + s.maybe(" from now", 0.2), (_lasting(s, days, length),))


def days_at_clock(s: Speaker) -> Said:
    """``in 3 days at 9am``: that day of the calendar."""
    count = s.chance.randrange(1, 14)
    clock, meaning = s.clock()
    text = s.pick([f"in {count} day{'s' if count > 1 else ''} at {clock}", f"in {count}d at {clock}"])
    return Said(text, (s.on(s.today() + count * DAY, meaning),))


def clock_alone(s: Speaker) -> Said:
    """``17:30``, ``at 9am``, ``noon Asia/Tokyo``: the next one."""
    clock, meaning = s.clock()
    name, zone = s.zone() if s.chance.random() < 0.3 else ("", s.home)
    return Said(f"{s.maybe('at ', 0.3)}{clock}{name}", (walk(zone, s.now, meaning, lambda _: True),))


def day_and_clock(s: Speaker) -> Said:
    """``tomorrow 09:00``, ``11 PM friday``, ``next monday at noon Asia/Tokyo``."""
    clock, meaning = s.clock()
    name, zone = s.zone() if s.chance.random() < 0.3 else ("", s.home)
    word, meanings = s.day_word()
    found = [meanings(s.today(calendar), meaning, zone) for calendar in dict.fromkeys([s.home, zone])]
    instants = [instant for some, _ in found for instant in some]
    linked = word if word.startswith(("t", "T", "day", "next", "this")) else f"on {word}"
    text = s.pick(
        [
            f"{word} {clock}{name}",
            f"{word} at {clock}{name}",
            f"{clock}{name} {word}",
            f"{clock} {word}{name}",
            f"{clock} {linked}{name}",
        ]
    )
    return Said(text, tuple(instants), certain=all(certain for _, certain in found))


def tonight(s: Speaker) -> Said:
    """``11 PM tonight``: 17:00 to 23:59 of today, or the next 00:00 to 03:59."""
    minute = s.pick([0, 30, 45])
    if s.chance.random() < 0.7:
        hour = s.chance.randrange(17, 24)
        meaning = at(s.home, target(s.today(), time(hour, minute)), s.now)
        clock = s.pick([f"{hour}:{minute:02}", f"{hour - 12}:{minute:02} PM", f"{hour - 12}:{minute:02}pm"])
    else:
        hour = s.chance.randrange(4)
        meaning = walk(s.home, s.now, time(hour, minute), lambda _: True) or s.now
        clock = s.pick([f"{hour}:{minute:02}", f"{hour or 12}:{minute:02} am"])
    return Said(s.pick([f"tonight {clock}", f"tonight at {clock}", f"{clock} tonight"]), (meaning,))


def _some_wall(s: Speaker) -> datetime:
    """A wall time that is at most half a year away, mostly to come."""
    minutes = s.chance.randrange(-1440, 180 * 1440) if s.chance.random() < 0.7 else s.chance.randrange(2880)
    return wall(s.home, s.now + timedelta(minutes=minutes)).replace(second=s.pick([0, 0, 30, 59]))


def iso(s: Speaker) -> Said:
    """``2026-12-01T09:00``, with a fraction, an offset, a zone, or a zone in brackets."""
    shown = _some_wall(s)
    name, zone = s.zone() if s.chance.random() < 0.6 else ("", s.home)
    if s.chance.random() < 0.15:
        name, zone = s.pick(["Z", "z", "+00:00"]), UTC
    fraction = s.pick(["", "", ".5", ".123", ".123456"])
    length = timedelta(seconds=float(f"0{fraction}")) if fraction else timedelta(0)
    text = f"{shown.date()}{s.pick('T t')}{shown.time()}{fraction}{name}"
    if not fraction and not shown.second and s.chance.random() < 0.5:
        text = f"{shown.date()}{s.pick('T ')}{shown:%H:%M}{name}"
    return Said(text, (at(zone, shown, s.now) + length,))


def mail_date(s: Speaker) -> Said:
    """``Tue, 01 Dec 2026 09:00:00 +0000``, ``Tue Dec  1 09:00:00 UTC 2026``."""
    shown = _some_wall(s)
    weekday, month = WEEKDAYS[shown.weekday()][:3], MONTHS[shown.month - 1][:3]
    offset, zone = s.pick(
        [("+0000", UTC), ("GMT", UTC), ("+0530", ZoneInfo("Asia/Kolkata")), ("+0900", TOKYO)]
    )
    texts = [(f"{weekday}, {shown.day:02} {month} {shown.year} {shown.time()} {offset}", zone)]
    texts += [(f"{weekday} {month} {shown.day:2} {shown.time()} UTC {shown.year}", UTC)]
    texts += [(f"{weekday} {month} {shown.day:2} {shown.time()} {shown.year}", s.home)]
    text, zone = s.pick(texts)
    return Said(text, (at(zone, shown, s.now),))


def iso_with_offset_and_zone(s: Speaker) -> Said:
    """``2026-12-01T09:00+01:00[Europe/Berlin]``; both must agree, or both are readings."""
    shown = _some_wall(s)
    name = s.pick(["Europe/Berlin", "America/New_York", "Asia/Tokyo"])
    instant = at(ZoneInfo(name), shown, s.now)
    shown = wall(ZoneInfo(name), instant)
    offset = shown - instant.replace(tzinfo=None)
    wrong = timedelta(hours=s.pick([0, 0, 1]))
    hours = round((offset + wrong).total_seconds() / 3600)
    meant = instant - wrong
    text = f"{shown.date()}T{shown.time()}{hours:+03}:00{s.pick([f'[{name}]', f' {name}'])}"
    return Said(text, (meant, instant) if wrong else (instant,))


def epoch(s: Speaker) -> Said:
    """Seconds or milliseconds since 1970."""
    seconds = round(s.now.timestamp()) + s.chance.randrange(-864, 8_640_000)
    thousandths = s.chance.randrange(1000)
    if s.chance.random() < 0.5:
        return Said(str(seconds), (datetime.fromtimestamp(seconds, UTC),))
    meant = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=thousandths)
    return Said(f"{seconds}{thousandths:03}", (meant,))


def english_date(s: Speaker) -> Said:
    """``December 1, 2026 9:00 AM``, ``Tue, 01 Dec 2026 09:00``; without a year the next one."""
    day = s.today() + s.chance.randrange(1, 180) * DAY
    clock, meaning = s.clock()
    if meaning == END_OF_DAY:
        clock, meaning = "09:00", time(9)
    month = s.pick([MONTHS[day.month - 1], MONTHS[day.month - 1][:3], MONTHS[day.month - 1].upper()])
    weekday = WEEKDAYS[day.weekday()]
    year = s.chance.random() < 0.5 or (day.month, day.day) == (2, 29)
    texts = [
        f"{month} {day.day}{f', {day.year}' if year else ''}",
        f"{day.day} {month}{f' {day.year}' if year else ''}",
    ]
    named = s.pick(["", "", f"{weekday}, ", f"{weekday[:3]} "])
    text = f"{named}{s.pick(texts)}{s.pick([' ', ' at ', ', '])}{clock}"
    return Said(text, (at(s.home, target(day, meaning), s.now),))


def echoed(s: Speaker) -> Said:
    """The form of the answers, with a weekday and a distance that are right, or not."""
    instant = at(s.home, _some_wall(s), s.now)
    if instant <= s.now + timedelta(minutes=1):
        instant += timedelta(days=3)
    shown = instant.astimezone(s.home)
    wrong_day = s.chance.random() < 0.2
    wrong_distance = s.chance.random() < 0.2
    weekday = WEEKDAYS[(shown.weekday() + wrong_day) % 7]
    minutes = round((instant - s.now).total_seconds() / 60) + 180 * wrong_distance
    told = s.now + timedelta(minutes=minutes)
    days, hours, left = minutes // 1440, minutes // 60 % 24, minutes % 60
    distance = (
        f"{f'{days}d ' if days else ''}{f'{hours}h' if hours else ''}{f'{left}m' if left else ''}".strip()
        or "0s"
    )
    text = (
        f"{shown.isoformat(timespec='seconds')}, {weekday}{s.pick([f', in {distance}', f' (in {distance})'])}"
    )
    if wrong_day:
        return Said(text, (instant,), certain=False)
    return Said(text, (instant, told) if wrong_distance else (instant,))


def midnight_alone(s: Speaker) -> Said:
    """The next one."""
    return Said(
        s.pick(["midnight", "at midnight", "midnight tonight"]),
        (walk(s.home, s.now, MIDNIGHT, lambda _: True),),
    )
