"""The result of a run in one line: what it took, and what is left."""

from __future__ import annotations

from html import escape

from bridge.domain.metering.holds import Hold, HoldState
from bridge.services.metering.records import SpendRecord
from bridge.web.i18n.formatting import Language, direction, number
from bridge.web.i18n.messages import Texts, texts_of


def spend_result(record: SpendRecord, language: Language) -> str:
    """Return the line of a spend: its tokens without those that were refunded, and what its user has left for it."""
    texts, spent = texts_of(language), record.spend
    paid = spent.from_plan + spent.from_balance + spent.from_allowance
    taken = paid - spent.back_plan - spent.back_balance - spent.back_allowance - spent.lapsed
    if taken <= 0:
        return _line(texts.gettext("Not charged"), language)
    tokens = texts.ngettext("{n} token", "{n} tokens", taken)
    return _line(f"{tokens} · {_left(record.left, texts)}", language)


def hold_result(hold: Hold, language: Language) -> str:
    """Return the line of a hold that was not captured."""
    texts = texts_of(language)
    if hold.state is HoldState.OPEN:
        return _line(texts.ngettext("{n} token set aside", "{n} tokens set aside", hold.tokens), language)
    return _line(texts.gettext("Not charged"), language)


def _left(left: int | None, texts: Texts) -> str:
    if left is None:
        return texts.pgettext("after a number of tokens", "no limit")
    return texts.pgettext("after a number of tokens", "{count} left", count=number(left, texts.language))


def _line(text: str, language: Language) -> str:
    # Without a style of its own: it stands in a line of the page, in the page's font.
    return (
        f'<span class="token-bridge-result" role="status" lang="{language.value}" dir="{direction(language)}">'
        f"{escape(text)}</span>\n"
    )
