"""The texts of the fragment, in every supported language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.web.i18n.formatting import Language


@dataclass(frozen=True, slots=True)
class Phrases:
    """The texts of one language; `{…}` marks the place of a number or a moment.

    `states` has a word for each state of an allowance, `details` a
    sentence for the states without an amount.
    """

    title: str
    balance: str
    held: str
    debt: str
    guest: str
    plan_until: str
    buy: str
    free_use: str
    used_of: str
    used: str
    left: str
    resets: str
    resets_never: str
    no_modules: str
    purchases: str
    no_purchases: str
    latest_purchases: str
    order: str
    bought: str
    taken_back: str
    states: Mapping[str, str]
    details: Mapping[str, str]


_ENGLISH = Phrases(
    title="Your tokens",
    balance="Balance",
    held="{n} of them set aside for work in progress",
    debt="{n} tokens are owed and come off your next purchase",
    guest="You are not signed in: what is free for visitors is shown here.",
    plan_until="Plan, until {day}",
    buy="Buy tokens",
    free_use="Free use",
    used_of="{used} of {limit} used",
    used="{used} used",
    left="{n} left",
    resets="Resets in {span}",
    resets_never="Does not reset",
    no_modules="There is nothing to show here.",
    purchases="Purchases",
    no_purchases="No purchases yet.",
    latest_purchases="The latest {n} purchases are shown.",
    order="Order {n}",
    bought="{n} tokens",
    taken_back="{n} taken back",
    states={
        "ok": "Available",
        "low": "Almost used up",
        "exhausted": "Used up",
        "unlimited": "Unlimited",
        "disabled": "Not available",
        "none": "Tokens only",
        "unmetered": "Free of charge",
    },
    details={
        "unlimited": "Use it as much as you like.",
        "disabled": "There is no free use of this.",
        "none": "There is no free use; it is paid from your balance.",
        "unmetered": "It costs no tokens.",
    },
)

_FRENCH = Phrases(
    title="Vos jetons",
    balance="Solde",
    held="dont {n} réservés pour un travail en cours",
    debt="{n} jetons sont dus et seront déduits de votre prochain achat",
    guest="Vous n’êtes pas connecté : voici ce qui est gratuit pour les visiteurs.",
    plan_until="Abonnement, jusqu’au {day}",
    buy="Acheter des jetons",
    free_use="Usage gratuit",
    used_of="{used} utilisés sur {limit}",
    used="{used} utilisés",
    left="{n} restants",
    resets="Réinitialisation dans {span}",
    resets_never="Pas de réinitialisation",
    no_modules="Il n’y a rien à afficher ici.",
    purchases="Achats",
    no_purchases="Aucun achat pour le moment.",
    latest_purchases="Les {n} derniers achats sont affichés.",
    order="Commande {n}",
    bought="{n} jetons",
    taken_back="{n} repris",
    states={
        "ok": "Disponible",
        "low": "Presque épuisé",
        "exhausted": "Épuisé",
        "unlimited": "Illimité",
        "disabled": "Indisponible",
        "none": "Jetons uniquement",
        "unmetered": "Gratuit",
    },
    details={
        "unlimited": "Utilisez-le autant que vous voulez.",
        "disabled": "Aucun usage gratuit n’est prévu.",
        "none": "Pas d’usage gratuit : c’est payé avec votre solde.",
        "unmetered": "Cela ne coûte aucun jeton.",
    },
)

_GERMAN = Phrases(
    title="Ihre Token",
    balance="Guthaben",
    held="davon {n} für laufende Arbeiten zurückgelegt",
    debt="{n} Token sind noch offen und gehen vom nächsten Kauf ab",
    guest="Sie sind nicht angemeldet: Hier steht, was für Besucher kostenlos ist.",
    plan_until="Abo, bis {day}",
    buy="Token kaufen",
    free_use="Kostenlose Nutzung",
    used_of="{used} von {limit} verbraucht",
    used="{used} verbraucht",
    left="{n} übrig",
    resets="Wieder frei in {span}",
    resets_never="Wird nicht zurückgesetzt",
    no_modules="Hier gibt es nichts zu zeigen.",
    purchases="Käufe",
    no_purchases="Noch keine Käufe.",
    latest_purchases="Die letzten {n} Käufe werden gezeigt.",
    order="Bestellung {n}",
    bought="{n} Token",
    taken_back="{n} zurückgenommen",
    states={
        "ok": "Verfügbar",
        "low": "Fast verbraucht",
        "exhausted": "Verbraucht",
        "unlimited": "Unbegrenzt",
        "disabled": "Nicht verfügbar",
        "none": "Nur mit Token",
        "unmetered": "Kostenlos",
    },
    details={
        "unlimited": "Nutzen Sie es, so viel Sie möchten.",
        "disabled": "Eine kostenlose Nutzung gibt es hier nicht.",
        "none": "Keine kostenlose Nutzung; es wird vom Guthaben bezahlt.",
        "unmetered": "Es kostet keine Token.",
    },
)

_SPANISH = Phrases(
    title="Sus tokens",
    balance="Saldo",
    held="de ellos, {n} reservados para un trabajo en curso",
    debt="Se deben {n} tokens, que se descontarán de su próxima compra",
    guest="No ha iniciado sesión: aquí se muestra lo que es gratuito para visitantes.",
    plan_until="Plan, hasta el {day}",
    buy="Comprar tokens",
    free_use="Uso gratuito",
    used_of="{used} de {limit} usados",
    used="{used} usados",
    left="quedan {n}",
    resets="Se renueva en {span}",
    resets_never="No se renueva",
    no_modules="No hay nada que mostrar aquí.",
    purchases="Compras",
    no_purchases="Todavía no hay compras.",
    latest_purchases="Se muestran las últimas {n} compras.",
    order="Pedido {n}",
    bought="{n} tokens",
    taken_back="{n} retirados",
    states={
        "ok": "Disponible",
        "low": "Casi agotado",
        "exhausted": "Agotado",
        "unlimited": "Ilimitado",
        "disabled": "No disponible",
        "none": "Solo con tokens",
        "unmetered": "Sin coste",
    },
    details={
        "unlimited": "Úselo tanto como quiera.",
        "disabled": "Aquí no hay uso gratuito.",
        "none": "No hay uso gratuito; se paga con su saldo.",
        "unmetered": "No cuesta tokens.",
    },
)

PHRASES: Mapping[Language, Phrases] = {
    Language.ENGLISH: _ENGLISH,
    Language.FRENCH: _FRENCH,
    Language.GERMAN: _GERMAN,
    Language.SPANISH: _SPANISH,
}
