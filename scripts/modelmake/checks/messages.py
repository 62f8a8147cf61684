"""Messages: the error lines of the code and the ways that a command ends badly, read for the reference pages."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BASE = "PipelineError"
ROOTS = ("scripts", "tests/load")
GAP = "…"  # stands for what is known at run time only
PLAIN = ("ValueError", "SealedError")  # raised in scripts/modelmake/server/, and made a UserError there
DIE = re.compile(r'\bdie (?P<where>"[^"]*"|[\w./$…-]+) \\?\s*"(?P<what>[^"]*)"')
SUBSTITUTION = re.compile(r"\$\([^()]*(?:\([^()]*(?:\([^()]*\))?[^()]*\)[^()]*)*\)|\$\{[^}]*\}|\$\w+|\$[@*#?]")


@dataclass(frozen=True, order=True)
class Message:
    """One error line, `where: what`, and the file that it comes from."""

    text: str
    path: str


@dataclass(frozen=True)
class Ending:
    """A subclass of PipelineError: its exit code, the stage's last line, and its docstring."""

    name: str
    code: int
    outcome: str
    meaning: str


def sources() -> list[Path]:
    """Return every Python file that may end a command."""
    return sorted(path for root in ROOTS for path in Path(root).rglob("*.py"))


def endings() -> list[Ending]:
    """Return PipelineError and its subclasses, a base before its children."""
    classes = [node for path in sources() for node in _tree(path).body if isinstance(node, ast.ClassDef)]
    by_name: dict[str, Ending] = {}
    while new := [node for node in classes if node.name not in by_name and _is_ending(node, by_name)]:
        for node in new:
            by_name[node.name] = _ending(node, by_name)
    return list(by_name.values())


def messages() -> list[Message]:
    """Return the error lines of the code, each once."""
    names = {ending.name for ending in endings()}
    texts = {message for path in sources() for message in _of_python(path, names)}
    scripts = sorted(path for path in Path("docker").rglob("*") if path.suffix == ".sh")
    texts |= {message for path in scripts for message in _of_shell(path)}
    return sorted(message for message in texts if re.search(r"[a-z]", message.text))  # else a run fills in all of it


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _is_ending(node: ast.ClassDef, by_name: dict[str, Ending]) -> bool:
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    return node.name == BASE or not bases.isdisjoint(by_name)


def _ending(node: ast.ClassDef, by_name: dict[str, Ending]) -> Ending:
    own = {
        target.id: statement.value.value
        for statement in node.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    bases = [by_name[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in by_name]
    code, outcome = (bases[0].code, bases[0].outcome) if bases else (1, "failed")
    meaning = (ast.get_docstring(node) or "").splitlines()[0]
    return Ending(node.name, int(str(own.get("exit_code", code))), str(own.get("outcome", outcome)), meaning)


def _of_python(path: Path, names: set[str]) -> Iterator[Message]:
    """Yield the messages of calls such as UserError(where, what, fix), and of ValueError("what|fix")."""
    tree = _tree(path)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for scope in scopes:
        for call in (node for node in ast.walk(scope) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in names and len(call.args) == 3:
                where = _texts(call.args[0], [scope, tree])[0]
                yield from (
                    Message(_line(f"{where}: {what}"), str(path)) for what in _texts(call.args[1], [scope, tree])
                )
            elif name in PLAIN and len(call.args) == 1 and path.parts[1] in ("core", "server"):
                yield from (Message(_line(text.partition("|")[0]), str(path)) for text in _texts(call.args[0], [scope]))


def _of_shell(path: Path) -> Iterator[Message]:
    text = path.read_text(encoding="utf-8")
    while text != (shorter := SUBSTITUTION.sub(GAP, text)):
        text = shorter
    for call in DIE.finditer(text):
        where = call["where"].strip('"')
        yield Message(_line(f"{where}: {call['what']}"), str(path))


def _texts(node: ast.expr, scopes: list[ast.FunctionDef | ast.Module]) -> list[str]:
    """Return what an expression may say, with GAP for each part that only a run can tell."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(part.value if isinstance(part, ast.Constant) else GAP for part in parts)]  # type: ignore[misc]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_texts(body, scopes), *_texts(orelse, scopes)]
        case ast.Name(id=name):
            return [text for scope in scopes for value in _values(name, scope) for text in _texts(value, [])] or [GAP]
    return [GAP]


def _values(name: str, scope: ast.FunctionDef | ast.Module) -> Iterator[ast.expr]:
    """Yield what is assigned to `name` in a function, or at the top of a module."""
    nodes = list(scope.body if isinstance(scope, ast.Module) else ast.walk(scope))
    for node in (node for node in nodes if isinstance(node, ast.Assign)):
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=False)
                yield from (value for part, value in pairs if isinstance(part, ast.Name) and part.id == name)


def _line(text: str) -> str:
    return re.sub(rf"{GAP}(?:[ /.]?{GAP})+", GAP, " ".join(text.split()))
