"""Pages that say why nothing is shown, with the way back: an expired pass, an ended session, no access."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from flask import Response, make_response, render_template, request

from bridge.domain.portal.passes import Refused
from bridge.web.i18n.formatting import Language, direction
from bridge.web.i18n.messages import Texts, marked, texts_of


class Notice(Enum):
    """A reason to show nothing: a title and a sentence."""

    UNKNOWN = (marked("This link does not work"), marked("It is not complete, or it was changed."))
    EXPIRED = (marked("This link has expired"), marked("For your safety, a link works for one minute only."))
    USED = (marked("This link was already used"), marked("For your safety, a link works once."))
    ENDED = (marked("You are signed out"), marked("Your visit has ended, or it began in another browser."))
    NO_ACCESS = (marked("There is nothing to see here"), marked("The shop has not opened this page for you."))
    NOT_HERE = (
        marked("This page is not open for you"),
        marked("The shop shows you the overview and what you can buy."),
    )
    LOST_FORM = (marked("This form has expired"), marked("Go back, reload the page and send it again."))
    NOT_FRESH = (
        marked("Come from the shop again first"),
        marked(
            "To delete your account, open this page from the shop again. For your safety, that is possible for"
            " 10 minutes after you come from there."
        ),
    )
    DELETED = (
        marked("Your data is deleted"),
        marked("What is left of it in stored messages is removed within minutes."),
    )


_OF_PASSES = {
    Refused.UNKNOWN: (Notice.UNKNOWN, 403),
    Refused.FOREIGN: (Notice.UNKNOWN, 403),
    Refused.EXPIRED: (Notice.EXPIRED, 410),
    Refused.USED: (Notice.USED, 410),
}


@dataclass(frozen=True, slots=True)
class Way:
    """The way back to the site: its address and host; both empty where no site is known."""

    url: str = ""
    host: str = ""


def way_to(url: str) -> Way:
    """Return the way back to an address that was checked when its pass was made."""
    return Way(url, urlsplit(url).hostname or "") if url else Way()


def browser_language() -> Language:
    """Return the language that the browser prefers; English for any other."""
    for tag, quality in request.accept_languages:
        primary = tag.partition("-")[0].casefold()
        if quality > 0 and primary in set(Language):
            return Language(primary)
    return Language.ENGLISH


def show(notice: Notice, status: int, *, language: Language, back: Way = Way(), account_url: str = "") -> Response:
    """Return the page of a notice; `account_url` leads to a page of the portal that is open."""
    texts = texts_of(language)
    title, sentence = (texts.gettext(text) for text in notice.value)
    page = render(
        "portal/notice.html",
        texts,
        title=title,
        sentence=sentence,
        back=back,
        account_url=account_url,
        notice=notice.name,
    )
    return make_response(page, status)


def refuse(refused: Refused, *, language: Language, back: Way) -> Response:
    """Return the page for a pass that lets no one in: 410 for one that was good once, 403 for any other."""
    notice, status = _OF_PASSES[refused]
    return show(notice, status, language=language, back=back)


def render(template: str, texts: Texts, **values: object) -> str:
    """Return a page in a language: its template calls `_`, `ngettext` and `pgettext`."""
    language = texts.language
    return render_template(
        template,
        _=texts.gettext,
        gettext=texts.gettext,
        ngettext=texts.ngettext,
        pgettext=texts.pgettext,
        language=language,
        direction=direction(language),
        **values,
    )
