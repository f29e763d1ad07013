"""Pages of other sites around a fragment: the conditions that WordPress themes create, in rules of our own."""

from __future__ import annotations

from playwright.sync_api import Page

URL = "http://host.test/"

PLAIN = "body{margin:0}main{width:645px}"
"""A page without rules that reach a fragment."""
THEMES = {
    "a root of 62.5%": """html{font-size:62.5%}body{margin:0;font:1.7rem/1.9 Georgia,serif;color:#444}
        main{width:645px}main p,main ul{margin:0 0 2.4rem}main a{border-bottom:.1rem solid;color:#b40;
        text-decoration:underline}main svg{height:auto;max-width:100%}main summary{display:list-item;outline:0}
        main h2{font-size:3.2rem;text-transform:uppercase}main details{background:#eee;padding:2rem}""",
    "dark": """:root{color-scheme:dark}body{margin:0;background:#0b0c10;color:#ddd;font:18px/1.7 sans-serif}
        main{width:645px}main *{border-color:#444}main a:not(.button){color:#fd7;box-shadow:0 2px 0 #fd7}
        main p{font-weight:300;word-spacing:2px}main span{background:#222;color:#fff}""",
    "right to left": """body{margin:0;direction:rtl;text-align:right;font:17px/2 serif}main{width:645px}
        main p{text-align:right;text-indent:2em}main *{letter-spacing:1px}main svg{float:right}
        main summary{direction:rtl}main a{float:left}""",
    "important rules": """body{margin:0}main{width:645px}main *{color:#7a0!important;background:#ff0!important;
        font-size:40px!important;margin:9px!important;padding:9px!important;letter-spacing:3px!important;
        text-transform:uppercase!important;line-height:3!important;border:3px solid!important;float:left!important}
        main section{max-width:90px!important;display:inline!important}#content svg{display:none!important}
        #content rect{fill:#f0f!important}#content p::before,#content a::after{content:"*"!important}
        #content details{opacity:.2!important}""",
    "block theme": """:root{--wp--style--global--content-size:645px;--wp--preset--color--contrast:#111}
        body{margin:0;font-size:clamp(1rem,1rem + .2vw,1.2rem);line-height:1.4;color:var(--wp--preset--color--contrast)}
        main{width:900px}.is-layout-constrained>:where(:not(.alignleft):not(.alignright):not(.alignfull)){
        max-width:var(--wp--style--global--content-size);margin-left:auto!important;margin-right:auto!important}
        .is-layout-flow>*+*{margin-block-start:2rem;margin-block-end:0}main :where(a:where(:not(.button))){color:#00d;
        text-decoration:underline}main h2{font-size:clamp(2rem,5vw,4rem)}main p{overflow-wrap:normal}""",
}
"""The style of a page for each condition."""


def host_page(fragment: str, style: str, *, language: str = "en", head: str = "", nonce: str = "") -> str:
    """Return a page of another site with a fragment in its content; `nonce` is for the page's own style."""
    direction = "rtl" if language == "ar" else "ltr"
    own = f'<style nonce="{nonce}">{style}</style>' if nonce else f"<style>{style}</style>"
    main = f'<main id="content" class="is-layout-constrained is-layout-flow">{fragment}</main>'
    start = f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8"><title>Host</title>'
    return f"{start}{head}{own}</head><body>{main}</body></html>"


def visit(page: Page, body: str, *, policy: str = "", others: dict[str, str] | None = None) -> list[str]:
    """Open a page as one of another site, with this content policy, and return the URLs it requests.

    `others` are the style sheets that the site has, by URL; any other request fails.
    """
    asked: list[str] = []
    headers = {"Content-Security-Policy": policy} if policy else {}

    def answer(route, request):
        asked.append(request.url)
        if request.url == URL:
            route.fulfill(body=body, content_type="text/html; charset=utf-8", headers=headers)
        elif request.url in (others or {}):
            route.fulfill(body=(others or {})[request.url], content_type="text/css")
        else:
            route.abort()

    page.unroute("**/*")
    page.route("**/*", answer)
    page.goto(URL)
    return asked


INSERT = "fragment => { document.querySelector('main').innerHTML = fragment }"
"""Puts a fragment into the page by script: no shadow root is attached."""
HAS_SHADOW = "!!document.querySelector('.token-bridge').shadowRoot"
APPEARANCE = """() => {
  const names = ['display', 'fontSize', 'fontFamily', 'fontWeight', 'lineHeight', 'letterSpacing', 'wordSpacing',
    'textTransform', 'textIndent', 'textAlign', 'textDecorationLine', 'color', 'backgroundColor', 'fill', 'direction',
    'marginTop', 'marginLeft', 'marginBottom', 'paddingTop', 'paddingLeft', 'borderTopWidth', 'borderBottomWidth',
    'borderBottomColor', 'borderTopLeftRadius', 'float', 'opacity', 'boxShadow', 'visibility', 'whiteSpace'];
  const root = document.querySelector('.token-bridge');
  const parts = [root, ...root.querySelectorAll('*')].filter(each => !each.closest('template, style, link'));
  return parts.map(each => {
    const style = getComputedStyle(each), box = each.getBoundingClientRect(), start = root.getBoundingClientRect();
    const isShape = ['rect', 'path'].includes(each.localName);
    const used = isShape ? ['display', 'fill', 'stroke', 'opacity', 'transform'] : names;
    const found = Object.fromEntries(used.map(name => [name, style[name]]));
    if (each === root) { found.marginTop = found.marginLeft = found.marginBottom = ''; }
    return {name: each.localName + '.' + each.getAttribute('class'), ...found,
      before: getComputedStyle(each, '::before').content, after: getComputedStyle(each, '::after').content,
      x: Math.round(box.x - start.x), y: Math.round(box.y - start.y),
      width: Math.round(box.width), height: Math.round(box.height)};
  });
}"""
"""Returns the appearance of each element of a fragment, and its place in the root element."""
