"""Working days of China: weekends, official holidays and make-up days, as published year by year (chinesecalendar)."""

from __future__ import annotations

import datetime as dt

from fraudrisk.errors import InputError

__all__ = ["add_working_days", "is_working_day", "working_days_left"]

_MOST = 500


def is_working_day(day: dt.date) -> bool:
    """Whether offices work on that day.

    Raises
    ------
    InputError
        The State Council has not yet published the holidays of that year; never guessed.

    Examples
    --------
    >>> import datetime as dt
    >>> is_working_day(dt.date(2026, 10, 1)), is_working_day(dt.date(2026, 2, 14))
    (False, True)
    """
    import chinese_calendar

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError as error:
        raise InputError(
            f"the holidays of {day.year} are not published in the installed calendar",
            where=f"day {day}",
            mend="upgrade chinesecalendar, or give a date within it",
        ) from error


def add_working_days(day: dt.date, count: int) -> dt.date:
    """The day `count` working days after `day`, which itself does not count (民法典第二百零一条: the first day is not counted).

    Raises
    ------
    InputError
        A negative or absurd count, or a year not yet published.

    Examples
    --------
    >>> import datetime as dt
    >>> add_working_days(dt.date(2026, 9, 30), 3)
    datetime.date(2026, 10, 10)
    """
    if not 0 <= count <= _MOST:
        raise InputError(f"{count} is no number of working days", where="working days", mend=f"give 0 to {_MOST}")
    while count:
        day += dt.timedelta(days=1)
        count -= is_working_day(day)
    return day


def working_days_left(today: dt.date, due: dt.date) -> int:
    """Working days after `today` up to and with `due`; negative when it is past.

    Examples
    --------
    >>> import datetime as dt
    >>> working_days_left(dt.date(2026, 11, 25), dt.date(2026, 11, 27)), working_days_left(dt.date(2026, 11, 27), dt.date(2026, 11, 25))
    (2, -2)
    """
    first, last, sign = (today, due, 1) if due >= today else (due, today, -1)
    return sign * sum(is_working_day(first + dt.timedelta(days=n)) for n in range(1, (last - first).days + 1))
