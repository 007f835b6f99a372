"""Check the limits that keep the code readable: ``python tools/structure.py [--warn]``.

Print each function, class and module above its limit, each private name of the package that a test
uses, and import cycles. Exit with 1 if there are any; with ``--warn`` always with 0. The project is
parsed, never imported.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("adain_core", "nodes")
FOLDERS = (*PACKAGES, "benchmarks", "docs", "tools", "tests")
PARAMETERS, FUNCTION_LINES, CLASS_LINES, MODULE_LINES, TEST_MODULE_LINES = 8, 70, 250, 400, 600
# A keyword for each option of StylizeOptions.
MANY_PARAMETERS = {"AdaINModel.stylize"}
# ComfyUI passes each input of a node as a parameter to these and to the method named in FUNCTION.
HOST_METHODS = {"IS_CHANGED", "VALIDATE_INPUTS"}
PRIVATE = re.compile(r"_[A-Za-z]\w*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines(node: ast.ClassDef | Function) -> int:
    """Return the number of lines of a definition, with its docstring."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(function: Function) -> int:
    """Return the number of parameters without ``self`` and ``cls``."""
    a = function.args
    named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    return sum(argument.arg not in ("self", "cls") for argument in named)


def host_methods(owner: ast.ClassDef) -> set[str]:
    """Return the names of the methods that ComfyUI calls with a node's inputs."""
    constants = {
        statement.targets[0].id: statement.value.value
        for statement in owner.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Constant)
    }
    return {str(constants["FUNCTION"]), *HOST_METHODS} if "FUNCTION" in constants else set()


def sizes(tree: ast.AST, owner: ast.ClassDef | None = None) -> Iterator[tuple[int, str]]:
    """Yield line and message for each definition above a limit."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            name = f"{owner.name}.{node.name}" if owner else node.name
            free = name in MANY_PARAMETERS or (owner and node.name in host_methods(owner))
            if (count := parameters(node)) > PARAMETERS and not free:
                yield node.lineno, f"{name} has {count} parameters, at most {PARAMETERS}"
            if lines(node) > FUNCTION_LINES:
                yield node.lineno, f"{name} has {lines(node)} lines, at most {FUNCTION_LINES}"
        elif isinstance(node, ast.ClassDef) and lines(node) > CLASS_LINES:
            yield node.lineno, f"class {node.name} has {lines(node)} lines, at most {CLASS_LINES}"
        yield from sizes(node, node if isinstance(node, ast.ClassDef) else None)


def private_definitions(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a module defines: functions, classes, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each attribute and import that a test uses, also in strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value.rpartition(".")[2]


def imports(tree: ast.AST, module: str, package: bool, modules: set[str]) -> Iterator[str]:
    """Yield the modules of the project that a module imports, also inside functions."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue  # modules of the project are always imported with "from"
        up = module.split(".")[: -node.level + package or None] if node.level else []
        base = ".".join([*up, *([node.module] if node.module else [])])
        for name in node.names:
            found = f"{base}.{name.name}" if f"{base}.{name.name}" in modules else base
            if found in modules and found != module:
                yield found


def check(root: Path) -> Iterator[str]:
    """Yield a message for each violation in the project."""
    files = [file for folder in FOLDERS for file in sorted((root / folder).rglob("*.py"))]
    trees = {file.relative_to(root): ast.parse(file.read_text("utf-8")) for file in files}
    modules = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path
        for path in trees
        if path.parts[0] in PACKAGES
    }
    private = {
        name
        for path in modules.values()
        for name in private_definitions(trees[path])
        if PRIVATE.fullmatch(name)
    }
    for path, tree in trees.items():
        limit = TEST_MODULE_LINES if path.parts[0] == "tests" else MODULE_LINES
        count = len((root / path).read_text("utf-8").splitlines())
        if count > limit:
            yield f"{path}: {count} lines, at most {limit}"
        yield from (f"{path}:{line}: {message}" for line, message in sizes(tree))
        if path.parts[0] == "tests":
            for line, name in uses(tree):
                if name in private:
                    yield f"{path}:{line}: a test uses the private name {name}"
    graph = {
        name: set(imports(trees[path], name, path.name == "__init__.py", set(modules)))
        for name, path in modules.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield "import cycle: " + " -> ".join(error.args[1])


def main() -> int:
    """Print the violations; return the exit code."""
    messages = list(check(ROOT))
    print("\n".join(messages) or "structure: every limit is kept")
    return 1 if messages and "--warn" not in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
