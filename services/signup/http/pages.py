"""Rendering of pages from templates, texts per language, and a common set of headers."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

FALLBACK_LANGUAGE = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_TEMPLATES = files("services.signup").joinpath("templates")


class Pages:
    """Renderer of pages. Templates and texts are loaded once; every value in a page or a text is escaped."""

    def __init__(self) -> None:
        self.texts = _load_texts()
        css = _TEMPLATES.joinpath("pages.css").read_text(encoding="utf-8").strip()
        self._headers = _build_headers(css)
        self._css = Markup(css)  # noqa: S704 - a file of this package
        self._environment = Environment(
            loader=FunctionLoader(lambda name: _TEMPLATES.joinpath(name).read_text(encoding="utf-8")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        language: str | None = None,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """Return the page in `language` if it has texts, otherwise in the best language that the browser accepts.

        `context` are the variables of the template.
        """
        chosen = self.language(language, request.headers.get("accept-language", ""))
        html = self._environment.get_template(template).render(
            t=lambda key, **values: self.text(chosen, key, values),
            language=chosen,
            direction="rtl" if chosen in RIGHT_TO_LEFT else "ltr",
            css=self._css,
            **context,
        )
        return HTMLResponse(html, status, {**self._headers, "content-language": chosen, **(headers or {})})

    def language(self, preferred: str | None, accepted: str) -> str:
        """Return the first language with texts: `preferred`, then those of Accept-Language by weight, then English."""
        for tag in (preferred or "", *_sort_by_weight(accepted)):
            primary = tag.replace("_", "-").split("-")[0].strip().lower()
            if primary in self.texts:
                return primary
        return FALLBACK_LANGUAGE

    def text(self, language: str, key: str, values: Mapping[str, object]) -> Markup:
        """Return the text of `key` with its values, escaped and isolated from the writing direction.

        Raises KeyError for an unknown key.
        """
        pattern = escape(self.texts[language].get(key) or self.texts[FALLBACK_LANGUAGE][key])
        isolated = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
        return pattern.format(**isolated)


def _load_texts() -> dict[str, dict[str, str]]:
    texts = {}
    for file in _TEMPLATES.joinpath("texts").iterdir():
        if file.name.endswith(".json"):
            texts[file.name.removesuffix(".json")] = json.loads(file.read_text(encoding="utf-8"))
    return texts


def _sort_by_weight(accepted: str) -> list[str]:
    weighted = []
    for position, part in enumerate(accepted[:500].split(",")):
        tag, _, weight = part.partition(";q=")
        try:
            weighted.append((-float(weight or 1), position, tag))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(weighted)]


def _build_headers(css: str) -> dict[str, str]:
    style = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex, nofollow",
        "cross-origin-opener-policy": "same-origin",
        "vary": "accept-language",
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
    }
