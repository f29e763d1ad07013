"""The use of the last 7 and 30 days: a bar for each day, and the sums by module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bridge.domain.stores.stores import Policy
from bridge.services.portal.widget import DAYS, Use
from bridge.web.i18n.formatting import Language, day, isolate, number
from bridge.web.i18n.messages import Texts

WEEK = 7
MODULES = 6
"""How many modules are listed by name; the others are added up."""
_HEIGHT = 32
_STEP = 4
_WIDTH = 3
WIDTH = DAYS * _STEP - (_STEP - _WIDTH)
HEIGHT = _HEIGHT


@dataclass(frozen=True, slots=True)
class UseOfModule:
    """The tokens that one module used in the last 7 and 30 days."""

    label: str
    week: str
    month: str


@dataclass(frozen=True, slots=True)
class RecentUse:
    """The contents of the part; `bars` is the path of an image whose content `summary` states in words."""

    title: str
    bars: str
    summary: str
    first: str
    last: str
    modules: tuple[UseOfModule, ...]
    week_title: str
    month_title: str
    total: UseOfModule


def recent_use(
    uses: Sequence[Use], today: date, policy: Policy, labels: Mapping[str, str], texts: Texts
) -> RecentUse | None:
    """Return the use of the `DAYS` days that end today; None if no tokens were used."""
    language = texts.language
    by_day: dict[date, int] = {}
    by_module: dict[str, list[int]] = {}
    since = today - timedelta(days=WEEK - 1)
    for use in uses:
        by_day[use.day] = by_day.get(use.day, 0) + use.tokens
        sums = by_module.setdefault(use.module, [0, 0])
        sums[0] += use.tokens if use.day >= since else 0
        sums[1] += use.tokens
    month = sum(by_day.values())
    if not month:
        return None
    week = sum(sums[0] for sums in by_module.values())
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    highest = max(days, key=lambda on: by_day.get(on, 0))
    return RecentUse(
        title=texts.gettext("Usage"),
        bars=_bars([by_day.get(on, 0) for on in days]),
        summary=texts.gettext(
            "{tokens} in 30 days. The highest bar: {highest}, {day}.",
            tokens=texts.ngettext("{n} token", "{n} tokens", month),
            highest=number(by_day[highest], language),
            day=day(highest, language),
        ),
        first=day(days[0], language),
        last=day(today, language),
        modules=_modules(by_module, policy, labels, texts),
        week_title=texts.ngettext("{n} day", "{n} days", WEEK),
        month_title=texts.ngettext("{n} day", "{n} days", DAYS),
        total=UseOfModule(texts.gettext("Total"), number(week, language), number(month, language)),
    )


def _modules(
    by_module: Mapping[str, Sequence[int]], policy: Policy, labels: Mapping[str, str], texts: Texts
) -> tuple[UseOfModule, ...]:
    """Return the sums by module, the most used first, and one row for the modules beyond `MODULES`."""
    language = texts.language
    used = sorted((key for key in by_module if by_module[key][1]), key=lambda key: (-by_module[key][1], key))
    # A single further module is listed by name, too.
    shown = used if len(used) <= MODULES + 1 else used[:MODULES]
    rows = [
        _row(isolate(labels.get(key) or policy.label_of(key, language.value), language), by_module[key], language)
        for key in shown
    ]
    others = used[len(shown) :]
    if others:
        label = texts.ngettext("{n} other module", "{n} other modules", len(others))
        rows.append(_row(label, [sum(by_module[key][place] for key in others) for place in (0, 1)], language))
    return tuple(rows)


def _row(label: str, sums: Sequence[int], language: Language) -> UseOfModule:
    return UseOfModule(label, number(sums[0], language), number(sums[1], language))


def _bars(tokens: Sequence[int]) -> str:
    """Return the path of one bar for each day, from the left; a day with use is at least one pixel high."""
    most = max(tokens)
    parts = []
    for place, count in enumerate(tokens):
        height = max(1, round(_HEIGHT * count / most)) if count else 0
        if height:
            parts.append(f"M{place * _STEP} {_HEIGHT}v-{height}h{_WIDTH}v{height}z")
    return "".join(parts)
