"""Which docstrings stand on which page. The text comes from the source, by mkdocstrings; nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path

# Folder of each import package.
PACKAGES = {
    "sssd_registry": ".",
    "sssd_schedulers": "plugins",
    "sssd_heads": "plugins",
    "sssd_trackers": "plugins",
    "sssd_metrics": "plugins",
    "sssd_export": "export",
    "sssd_engine": "engine",
}


def python_page(root: Path) -> str:
    """Write the page of the public names of ``sssd_registry``, the engine runtime and the conformance suites."""
    engine = "sssd_engine" if (root / "engine" / "sssd_engine").is_dir() else "sssd_export"
    parts = [
        "# Python",
        "`from sssd_registry import …` gives the names below. They are loaded when they are first used, so that the"
        " import costs no torch.",
    ]
    parts += [f"::: sssd_registry.{name}" for name in exported(root / "sssd_registry")]
    parts += [f"# {engine}\n\nThe engine runtime. It needs numpy and the engine's own runtime.".replace("# ", "## ", 1)]
    parts += [f"::: {engine}.{name}" for name in exported(root / PACKAGES[engine] / engine)]
    parts += ["## sssd_registry.testing\n\nThe suites that a plugin's author runs; see"
              " [Write a plugin](../tutorials/write-a-plugin.md)."]  # fmt: skip
    parts += [f"::: sssd_registry.testing.{name}" for name in exported(root / "sssd_registry" / "testing")]
    return "\n\n".join(parts) + "\n"


def exported(package: Path) -> list[str]:
    """The names of a package's ``__all__`` as its source spells them: a list, or the keys of ``_HOME``."""
    tree = ast.parse((package / "__init__.py").read_text())
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    keys = [key.value for key in getattr(values.get("_HOME"), "keys", []) if isinstance(key, ast.Constant)]
    listed = [one.value for one in getattr(values["__all__"], "elts", []) if isinstance(one, ast.Constant)]
    return [name for name in sorted({*keys, *listed}) if name != "__version__"]


def module_pages(root: Path) -> dict[str, str]:
    """Path -> content, one page for each folder of modules."""
    pages = {}
    for package, place in PACKAGES.items():
        top = root / place / package
        for init in sorted(top.rglob("__init__.py")) if top.is_dir() else []:
            folder = init.parent
            name = ".".join([package, *folder.relative_to(top).parts])
            modules = [name, *(f"{name}.{file.stem}" for file in sorted(folder.glob("*.py")) if file != init)]
            shown = [f"::: {module}\n    options: {_options(module == name)}" for module in modules]
            pages[f"reference/modules/{name}.md"] = f"# {name}\n\n" + "\n\n".join(shown) + "\n"
    return pages


def _options(is_package: bool) -> str:
    """A package's own docstring stands without what it imports by name."""
    return (
        "{members: false, show_root_heading: false}" if is_package else "{heading_level: 2, show_root_toc_entry: true}"
    )
