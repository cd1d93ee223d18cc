"""Docstrings begin with a verb or a noun that names the thing, and public names of the library have one."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("sssd_registry", "export", "engine", "plugins")
# Questions, and phrases that lean on the name above them: neither says what the thing is.
NOT_FIRST = {
    *("What", "Of", "Where", "How", "Does", "Is", "Are", "Whether", "Which", "Why", "When", "Who"),
    *("In", "At", "For", "From", "By", "To", "With", "As", "On", "Not", "Between", "It", "Its", "Their", "That", "If"),
}

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def files(*rooms: str) -> Iterator[Path]:
    """Yield the Python files of rooms."""
    for room in rooms:
        yield from sorted((ROOT / room).rglob("*.py"))


def place(file: Path, node: Documented) -> str:
    """Name a definition for a message: file, line and name."""
    return f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"


def first_word(text: str) -> str:
    """Return the first word of a docstring, without signs."""
    return text.split()[0].strip("`'\",.:;()")


def is_public(node: ast.AST) -> bool:
    """Tell whether a class or function is for others to use, and not a plugin's hook, which pluggy documents."""
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    return not any(isinstance(mark, ast.Name) and mark.id == "hookimpl" for mark in node.decorator_list)


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    wrong = [
        f"{place(file, node)}: {text.splitlines()[0]}"
        for file in files(*ROOMS)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, Documented) and (text := ast.get_docstring(node)) and first_word(text) in NOT_FIRST
    ]
    assert not wrong, "reword so that the first word is a verb or names the thing:\n" + "\n".join(wrong)


def test_the_first_line_is_complete() -> None:
    wrong = [
        f"{place(file, node)}: {lines[0]}"
        for file in files(*ROOMS)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, Documented) and len(lines := (ast.get_docstring(node) or "").splitlines()) > 1 and lines[1]
    ]
    assert not wrong, "end the sentence on the first line, then leave a line empty:\n" + "\n".join(wrong)


def test_modules_and_their_public_names_have_docstrings() -> None:
    missing = [
        place(file, node)
        for file in files("sssd_registry", "export", "engine")
        for tree in [ast.parse(file.read_text())]
        for node in (tree, *filter(is_public, tree.body))
        if tree.body and isinstance(node, Documented) and not ast.get_docstring(node)
    ]
    missing += [
        place(file, tree)
        for file in files("plugins")
        for tree in [ast.parse(file.read_text())]
        if tree.body and not ast.get_docstring(tree)
    ]
    assert not missing, "write a docstring:\n" + "\n".join(missing)
