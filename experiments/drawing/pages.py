"""HTML pages: a template on the common one, every value escaped, written complete or not at all."""

from pathlib import Path
from typing import Any

from data.files import write_text

STYLE = Path(__file__).with_name("page.css")
"""What all pages look like, in the light and in the dark."""


def render_page(template: Path, **values: Any) -> str:
    """Fill the file ``template``, which extends ``page.html`` of this folder, with ``values``.

    Raises:
        jinja2.UndefinedError: the template asks for a value that was not given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([template.parent, STYLE.parent])
    pages = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template(template.name).render(values)


def write_page(path: str | Path, template: Path, **values: Any) -> None:
    """Write a page that `render_page` makes to ``path``; raises ``FileNotFoundError`` if its folder does not exist."""
    write_text(path, render_page(template, **values))
