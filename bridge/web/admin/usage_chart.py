"""The chart of a store's daily usage: stacked bars by module, drawn as SVG paths without a style attribute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bridge.domain.stores.stores import Policy, Store
from bridge.services.admin.store_stats import Use
from bridge.web.i18n.formatting import Language, day, isolate, local_time, number
from bridge.web.i18n.messages import Texts, texts_of

PERIODS = (30, 90, 365)
"""The numbers of days to choose from."""
MODULES = 6
"""How many modules have a color of their own; the rest is one group."""
HEIGHT = 1_000
"""The height of the drawing, in units of which a bar is `WIDTH` wide; the page stretches the drawing to fit."""
WIDTH = 10
_GAP = 2
_MOST_BARS = 100
"""More days than this are drawn as weeks: a bar of one day would be thinner than a pixel on a phone."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One module, or all others together: its total, and its part of each bar as a path.

    `today` is the path of the bar of today, which is not over. `color` numbers
    the colors, from 1.
    """

    label: str
    color: int
    tokens: int
    path: str
    today: str


@dataclass(frozen=True, slots=True)
class BarMark:
    """The place of one bar, and the text shown when it is pointed at."""

    x: int
    text: str


@dataclass(frozen=True, slots=True)
class DayRow:
    """The use of one day: a cell for each layer, and the sum."""

    label: str
    cells: tuple[int, ...]
    tokens: int
    is_today: bool


@dataclass(frozen=True, slots=True)
class UsageChart:
    """A chart of the last `days` days; without a layer, nothing was used.

    `ticks` are the numbers at the axis from the top down, `ends` the first, middle
    and last day. `as_of` is the moment the figures are of. `rows` has the days with
    use, the newest first.
    """

    days: int
    is_weekly: bool
    width: int
    layers: tuple[Layer, ...]
    marks: tuple[BarMark, ...]
    rows: tuple[DayRow, ...]
    tokens: int
    ticks: tuple[str, ...]
    ends: tuple[str, ...]
    as_of: str
    summary: str


def usage_chart(
    store: Store, policy: Policy, use: Use, *, language: Language = Language.ENGLISH, now: datetime
) -> UsageChart:
    """Return the chart of the use from its first to its last day, of which the last is today."""
    texts = texts_of(language)
    dates = [use.first + timedelta(days=distance) for distance in range((use.last - use.first).days + 1)]
    spans = _spans(dates)
    ranked = [module for module, tokens in use.by_module() if tokens]
    # A seventh module gets the color of the group: "1 other module" would say less.
    named = ranked if len(ranked) == MODULES + 1 else ranked[:MODULES]
    groups = {module: min(rank, len(named)) for rank, module in enumerate(ranked)}
    labels = [isolate(policy.label_of(module), language) for module in named]
    if len(ranked) > len(named):
        others = len(ranked) - len(named)
        labels.append(texts.ngettext("{n} other module", "{n} other modules", others))
    by_day: dict[date, Counter[int]] = {on: Counter() for on in dates}
    for each in use.days:
        if each.tokens:
            # After a move of the store's time zone to the west, there may be use of its tomorrow.
            by_day[min(each.day, use.last)][groups[each.module]] += each.tokens
    amounts = [sum((by_day[on] for on in span), Counter[int]()) for span in spans]
    top = _ceiling(max(amount.total() for amount in amounts))
    return UsageChart(
        days=len(dates),
        is_weekly=len(spans) < len(dates),
        width=len(spans) * WIDTH,
        layers=_layers(labels, amounts, top),
        marks=tuple(
            BarMark(index * WIDTH, f"{_name(span, texts)}: {_tokens(amounts[index].total(), texts)}")
            for index, span in enumerate(spans)
            if amounts[index]
        ),
        rows=tuple(
            DayRow(
                day(on, language),
                tuple(by_day[on][group] for group in range(len(labels))),
                by_day[on].total(),
                on == use.last,
            )
            for on in reversed(dates)
            if by_day[on]
        ),
        tokens=sum(amount.total() for amount in amounts),
        ticks=tuple(number(tick, language) for tick in (top, top // 2, 0)),
        ends=(day(dates[0], language), day(dates[len(dates) // 2], language), texts.gettext("Today")),
        as_of=local_time(use.as_of or now, store.calendar.zone, language).text,
        summary=_summary(spans, amounts, labels, texts),
    )


def _spans(dates: list[date]) -> list[list[date]]:
    """Return the days of each bar: one, or the seven of a week that ends on the weekday of the last day."""
    if len(dates) <= _MOST_BARS:
        return [[on] for on in dates]
    # What is left over is part of the first week, so that no bar is low only because it is short.
    first = 7 + len(dates) % 7
    return [dates[:first], *(dates[start : start + 7] for start in range(first, len(dates), 7))]


def _layers(labels: list[str], amounts: list[Counter[int]], top: int) -> tuple[Layer, ...]:
    below = [0] * len(amounts)
    layers = []
    for group, label in enumerate(labels):
        parts, total = list[str](), 0
        for index, amount in enumerate(amounts):
            tokens = amount[group]
            # Both ends are rounded from the sums, so that the bar's height is that of its total.
            low, high = (HEIGHT - sum_ * HEIGHT // top for sum_ in (below[index], below[index] + tokens))
            below[index] += tokens
            total += tokens
            parts.append(f"M{index * WIDTH} {high}h{WIDTH - _GAP}V{low}h-{WIDTH - _GAP}z" if low > high else "")
        layers.append(Layer(label, group + 1, total, "".join(parts[:-1]), parts[-1]))
    return tuple(layers)


def _ceiling(highest: int) -> int:
    """Return the number at the top of the axis: the next 2, 4, 6, 8 or 10 times a power of ten."""
    unit = 1
    while highest > 10 * unit:
        unit *= 10
    return next(step * unit for step in (2, 4, 6, 8, 10) if step * unit >= highest)


def _summary(spans: list[list[date]], amounts: list[Counter[int]], labels: list[str], texts: Texts) -> str:
    highest = max(range(len(spans)), key=lambda index: amounts[index].total())
    return texts.gettext(
        "{tokens} used by {modules}. The highest bar: {highest}, {day}. The table below has each day.",
        tokens=_tokens(sum(amount.total() for amount in amounts), texts),
        modules=", ".join(labels),
        highest=_tokens(amounts[highest].total(), texts),
        day=_name(spans[highest], texts),
    )


def _name(span: list[date], texts: Texts) -> str:
    first, last = day(span[0], texts.language), day(span[-1], texts.language)
    return first if len(span) == 1 else texts.gettext("{first} to {last}", first=first, last=last)


def _tokens(amount: int, texts: Texts) -> str:
    return texts.ngettext("{n} token", "{n} tokens", amount)
