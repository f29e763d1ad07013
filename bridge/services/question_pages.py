"""The exceptions page: the orders of a store that want its owner's look, and an order given to somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts import Profile
from bridge.domain.languages import LocalTime, local_time, zone_name
from bridge.domain.questions import Question
from bridge.domain.stores import Store
from bridge.services import accounts, answers, questions
from bridge.storage import shop_reads
from bridge.storage.database import Connection
from bridge.storage.shop_reads import OpenOrder

PAGE = 50
"""How many orders a page shows."""

_WORDS = {
    Question.NO_BUYER: (
        "No buyer",
        "No account has the guest’s e-mail, so the tokens wait: give the order to a user, or let one appear.",
    ),
    Question.UNKNOWN_PRODUCT: (
        "Unknown product",
        "A product was deleted before anybody told what it brings: correct the balance if it was a package.",
    ),
    Question.UNREAD_REFUNDS: (
        "Refund not read",
        "It is not known which lines were refunded, so tokens went back by share: check again to read them.",
    ),
    Question.LOOSE_REFUND: (
        "Refund of no line",
        "The refund names no line, so tokens went back by share: correct the balance if another number was meant.",
    ),
}


@dataclass(frozen=True, slots=True)
class AssignForm:
    """The form that gives an order to a user, with whatever was typed."""

    number: int
    user_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One order of the list; `total` is money as the shop writes it, `user_id` whose it is now."""

    number: int
    label: str
    sentence: str
    email: str
    name: str
    placed: LocalTime | None
    total: str
    user_id: int | None
    is_guests: bool
    form: AssignForm | None


@dataclass(frozen=True, slots=True)
class QuestionsPage:
    """Everything the exceptions page prints; `next` is the order its neighbour begins behind."""

    store: Store
    open_questions: str
    zone: str
    rows: tuple[QuestionRow, ...]
    after: int
    next: int | None


def questions_page(
    connection: Connection, store: Store, *, after: int = 0, form: AssignForm | None = None
) -> QuestionsPage:
    """The orders with an open question, by number above `after`."""
    found = shop_reads.list_questions(connection, store.id, after=after, limit=PAGE + 1)
    return QuestionsPage(
        store=store,
        open_questions=questions.badge(connection, store.id),
        zone=zone_name(store.calendar.zone),
        rows=tuple(_row(store, one, form) for one in found[:PAGE]),
        after=after,
        next=found[PAGE - 1].number if len(found) > PAGE else None,
    )


def assign(
    connection: Connection, store: Store, number: int, user_id: int, *, actor: str, now: datetime
) -> answers.Document:
    """Give a guest's order to a user who is known here; raises `UnknownUser` for a slip of the finger.

    Raises `UnknownOrder` and `OrderHasCustomer` as well.
    """
    accounts.get_account(connection, store.id, user_id)
    return questions.assign(connection, store, number, Profile(user_id), actor=actor, now=now)


def _row(store: Store, one: OpenOrder, form: AssignForm | None) -> QuestionRow:
    label, sentence = _WORDS[one.question]
    return QuestionRow(
        number=one.number,
        label=label,
        sentence=sentence,
        email=one.email,
        name=one.name,
        placed=local_time(one.placed_at, store.calendar.zone) if one.placed_at else None,
        total=f"{one.total} {one.currency}".strip(),
        user_id=one.user_id,
        is_guests=one.question is Question.NO_BUYER,
        form=form if form is not None and form.number == one.number else None,
    )
