"""HTML pages: a template, every value escaped, written complete or not at all."""

from pathlib import Path
from typing import Any

from data.files import write_text


def write_page(path: str | Path, template: Path, **values: Any) -> None:
    """Fill the file ``template`` with ``values`` and write it to ``path``.

    Raises:
        FileNotFoundError: the folder of ``path`` does not exist.
        jinja2.UndefinedError: the template asks for a value that was not given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(template.parent)
    pages = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    write_text(path, pages.get_template(template.name).render(values))
