"""Template filters that write numbers, weeks and missing values, and the links that open a number.

What belongs here: thin shells over capacity.lib.figures. Every filter takes a computed value; an Absent value (or None)
passes through as its word, so `{{ row.margin|usd }}` says "restricted" where the policy hides it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from capacity.lib import figures
from capacity.lib.figures import NOTHING, Absent
from capacity.lib.horizon import Week

register = template.Library()

_PILL_KINDS = ("decide", "good", "warn", "bad", "done", "plain")


class AbsentText(SafeString):
    """The markup of an absent value, told apart from a written number so that it never becomes a link."""


def _or_absent(value: Any, write: Callable[[Any], str]) -> str | SafeString:
    if value is None or value == "" or isinstance(value, Absent):
        return cell(value)
    return write(value)


@register.filter
def cell(value: Any) -> str | SafeString:
    """Any value for a table cell: None as "—", an absence as its muted word with the reason in its title."""
    if value is None or value == "":
        value = NOTHING
    if isinstance(value, Absent):
        return AbsentText(format_html('<span class="{}" title="{}">{}</span>', value.kind, value.reason, value.word))
    return str(value) if not isinstance(value, SafeString) else value


@register.filter
def thousands(value: Any, places: int = 0) -> str | SafeString:
    """61,840"""
    return _or_absent(value, lambda number: figures.thousands(number, places=places))


@register.filter
def signed(value: Any, places: int = 0) -> str | SafeString:
    """+1,024"""
    return _or_absent(value, lambda number: figures.thousands(number, places=places, signed=True))


@register.filter
def compact(value: Any) -> str | SafeString:
    """61.8k"""
    return _or_absent(value, figures.compact)


@register.filter
def usd(value: Any) -> str | SafeString:
    """$14.2M"""
    return _or_absent(value, figures.usd)


@register.filter
def usd_signed(value: Any) -> str | SafeString:
    """+$1.90M"""
    return _or_absent(value, lambda number: figures.usd(number, signed=True))


@register.filter
def usd_in(value: Any, letter: str) -> str | SafeString:
    """$7.2M down a column: `usd_in:"M"`, or `usd_in:"k"`, with one decimal."""
    return _or_absent(value, lambda number: figures.usd_in(number, letter=letter))


@register.filter
def usd_exact(value: Any) -> str | SafeString:
    """$14,203,117.42"""
    return _or_absent(value, figures.usd_exact)


@register.filter
def share(value: Any, places: int = 1) -> str | SafeString:
    """87.6% from 0.876"""
    return _or_absent(value, lambda number: figures.share(number, places=places))


@register.filter
def points(value: Any) -> str | SafeString:
    """+0.6 pt from 0.006"""
    return _or_absent(value, figures.points)


@register.filter
def ratio(value: Any) -> str | SafeString:
    """6.2×"""
    return _or_absent(value, figures.ratio)


@register.filter
def week(value: Week | date | None, year: int | None = None) -> str | SafeString:
    """18 Jan: a week by its Monday; the year is added when it is not `year`."""
    return _or_absent(value, lambda found: figures.week(found, year=year))


@register.filter
def day(value: date | datetime | None, year: int | None = None) -> str | SafeString:
    """18 Jan: a date as it is (a time is read in its own zone, which is UTC on every page)."""
    return _or_absent(value, lambda found: figures.day(found, year=year))


@register.simple_tag
def num(text: Any, href: str | None = "") -> str | SafeString:
    """A written number as a link to what is behind it: opens in the drawer, or as a page without script.

    An absent value, or one without a page, is written plainly.
    """
    shown = cell(text)
    if not href or isinstance(shown, AbsentText):
        return shown
    return format_html('<a class="num" href="{}">{}</a>', href, shown)


@register.simple_tag
def pill(kind: str, word: str) -> SafeString:
    """A state as mark, word and colour. kind: decide, good, warn, bad, done, plain."""
    if kind not in _PILL_KINDS:
        raise ValueError(f"no pill {kind!r}: one of {', '.join(_PILL_KINDS)}")
    return format_html('<span class="pill pill-{}">{}</span>', kind, conditional_escape(word))
