"""HTML pages that run nothing but their own script and load nothing: a content security policy in each.

The policy names the style and the script of a page by their SHA-256, taken from the templates before anything that
others named is put in: a style, a script or an event handler that such a name smuggled in would have another hash.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.text import shown_lines

STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
SCRIPTS, STYLES = {"report.html": "report.js"}, {"report.html": "report.css"}


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """A page. The template begins with head.html, which holds {{ policy }}.

    Its style and script are static: its own, or files named above.
    """
    environment = Environment(
        loader=PackageLoader("reports.pages"), autoescape=True, undefined=StrictUndefined, finalize=_visible
    )
    return environment.get_template(template).render(content, policy=policy(environment, template))


def policy(environment: Environment, template: str) -> str:
    """Content-Security-Policy of a page: nothing from the network, its own style, its own script, pictures inside."""
    source = environment.loader.get_source(environment, template)[0]  # type: ignore[union-attr]
    styles = [environment.get_template(STYLES[template]).render()] if template in STYLES else STYLE.findall(source)
    scripts = [environment.get_template(SCRIPTS[template]).render()] if template in SCRIPTS else []
    rules = {
        "default-src": ["'none'"],
        "style-src": [_hash(text) for text in styles],
        "script-src": [_hash(text) for text in scripts] or ["'none'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(" ".join((name, *sources)) for name, sources in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _visible(value: Any) -> Any:
    """What a template writes: of text, characters that cannot be seen are written out."""
    return shown_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value
