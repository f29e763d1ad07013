"""The frame of every fragment for a page of another site: root element, style and shadow root.

The content is in the root element itself, and the shadow root shows it through a
slot. Where a browser attaches no shadow root, such as after `innerHTML`, the same
content is shown with the same style. See docs/decisions for the reasons.
"""

from __future__ import annotations

from html import escape

from bridge.web.i18n.formatting import direction
from bridge.web.widget.accent import Accent
from bridge.web.widget.look import NO_STYLESHEET, Look, Theme
from bridge.web.widget.stylesheet import host_sheet, sheet


def fragment(look: Look, *, kind: str, label: str, content: str, sheets: tuple[str, ...] = ()) -> str:
    """Return a fragment with one root element.

    `kind` becomes the class `token-bridge--…`. `label` is the accessible name. `content`
    is HTML whose values are escaped already. `sheets` are the style sheets that it needs
    beside the shared ones.
    """
    theme = f' data-theme="{look.theme.value}"' if look.theme and look.theme is not Theme.AUTO else ""
    accent = "" if look.accent is None else f' data-accent="{look.accent.color}"'
    style = _style(look, sheets)
    return (
        f'<section class="token-bridge token-bridge--{kind}" lang="{look.language.value}"'
        f' dir="{direction(look.language)}"{theme}{accent} aria-label="{escape(label)}">\n'
        f"{style}{content}</section>\n"
    )


def heading(look: Look, text: str) -> str:
    """Return the title of a fragment as a heading of the wanted level; nothing for an empty title."""
    level = look.heading or 2
    return f'<h{level} class="token-bridge__heading">{escape(text)}</h{level}>\n' if text else ""


def _style(look: Look, sheets: tuple[str, ...]) -> str:
    if look.stylesheet == NO_STYLESHEET:
        return ""
    if look.stylesheet:
        return f'<link rel="stylesheet" href="{escape(look.stylesheet)}">\n'
    nonce = f' nonce="{look.nonce}"' if look.nonce else ""
    accent = "" if look.accent is None else _accent_rule(look.accent)
    return (
        f"<style{nonce}>{accent}{sheet(*sheets)}</style>\n"
        f'<template shadowrootmode="open"><style{nonce}>{host_sheet()}</style><slot></slot></template>\n'
    )


def _accent_rule(accent: Accent) -> str:
    """Return the rule that sets an accent color for the fragments that ask for it."""
    # Outside of the layer, so that it beats the palette's own.
    root = f'.token-bridge[data-accent="{accent.color}"]'
    return (
        f"{root}{{--tb-fill:#{accent.color};--tb-on:#{accent.on};--tb-accent:#{accent.light}}}"
        f"@supports (color:light-dark(#000,#fff)){{{root}{{--tb-accent:light-dark(#{accent.light},#{accent.dark})}}}}"
    )
