"""Rendering of e-mail messages in full, from the Jinja templates and a catalogue.

Every value is escaped in HTML, and no value is ever interpreted as a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from services.notifier.channels.catalogues import TEMPLATE_FOLDER, fill, get_catalogue


@dataclass(frozen=True, slots=True)
class Content:
    """Content of an e-mail message. `html` and `text` end with a line break and contain no carriage return."""

    subject: str
    text: str
    html: str


def render(language: str, template: str, values: Mapping[str, str]) -> Content:
    """Render a template (`catalogues.TEMPLATES`) with values for all `catalogues.PLACEHOLDERS`."""
    catalogue = get_catalogue(language)
    texts = catalogue[template]
    context = {"words": catalogue, "text": texts, "values": values}
    return Content(
        subject=fill(texts["subject"], values),
        text=_environment(html=False).get_template("mail.txt.j2").render(context) + "\n",
        html=_environment(html=True).get_template("mail.html.j2").render(context) + "\n",
    )


@lru_cache(maxsize=2)
def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=DictLoader(
            {name: (TEMPLATE_FOLDER / name).read_text("utf-8") for name in ("mail.html.j2", "mail.txt.j2")}
        ),
        autoescape=html,  # noqa: S701 - the other template is the plain text
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["fill"] = _fill_escaped if html else _fill_plain
    return environment


@pass_context
def _fill_plain(context: Context, text: str) -> str:
    return fill(text, context["values"])


@pass_context
def _fill_escaped(context: Context, text: str) -> Markup:
    values = {name: str(escape(value)) for name, value in context["values"].items()}
    return Markup(fill(str(escape(text)), values))  # noqa: S704 - both parts were escaped
