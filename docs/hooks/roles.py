"""Sphinx's roles in docstrings, such as ``:func:`load_engine```, shown as code: mkdocstrings does not know them."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

_ROLE = re.compile(r":(?:func|class|meth|mod|data|attr):`~?([^`]+)`")


class Roles(Extension):
    """Rewrites the docstring of each object that griffe reads."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Replace every role by its name in a code span."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value)
