"""The rules of the architecture, as functions from a path and its text to the faults found in it.

Paths are relative to the checkout, with slashes. A fault is a sentence that starts with `path:line`.
"""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

FILE_LINES = 400
FUNCTION_LINES = 50
MEASURED = {".py", ".html", ".js", ".css", ".php"}
UNWELCOME_NAMES = {"utils.py", "common.py", "helpers.py", "services.py"}

_OURS = ("app", "bridge", "schedulers", "migrations", "tests", "bench", "fakeshop")
_ENTRY_MODULE = r"bridge/(web/.+|cli/.+|config|garbage|logs)\.py|schedulers/.+\.py"
_ENTRY_SHARED = (
    r"bridge\.(domain|rendering|services|config|garbage|logs|metrics|runtime|storage\.engine\.database|cli)|schedulers"
)
_NOT_FOR_ENTRY_POINTS = frozenset(
    {"sqlalchemy", "alembic", "babel", "oauthlib", "prometheus_client", "requests"}
    | {"standardwebhooks", "urllib3", "woocommerce", "reportlab", "fontpkg_noto_sans"}
)
_UNFINISHED = "|".join(("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"))
_FORBIDDEN = re.compile(rf"(?<![\w.-])/(?:work|root|home|Users)/|\b(?:{_UNFINISHED})\b")
_GENERATED = re.compile(r"\..+|__pycache__|instance|htmlcov")
_MIGRATION = re.compile(r"(\d{4})_[a-z0-9_]+\.py")


@dataclass(frozen=True)
class Layer:
    """The names that modules of one layer may import: ours as a pattern, libraries by name or all but some."""

    ours: str
    others: frozenset[str] | None = frozenset()
    never: frozenset[str] = frozenset()

    def admits(self, target: str) -> bool:
        """Return whether a module of this layer may import this dotted name."""
        top = target.partition(".")[0]
        if top in _OURS:
            return re.match(rf"(?:{self.ours})(?:\.|$)", target) is not None
        if top in sys.stdlib_module_names:
            return True
        return top not in self.never and (self.others is None or top in self.others)


LAYERS: tuple[tuple[str, Layer], ...] = (
    (r"bridge/domain/.+", Layer(r"bridge\.domain")),
    (r"bridge/rendering/.+", Layer(r"bridge\.(domain|rendering)", frozenset({"pydantic_core"}))),
    (r"bridge/storage/.+", Layer(r"bridge\.(domain|storage)", frozenset({"sqlalchemy", "alembic"}))),
    (
        r"bridge/clients/.+",
        Layer(
            r"bridge\.(domain|clients)",
            frozenset({"oauthlib", "requests", "standardwebhooks", "urllib3", "woocommerce"}),
        ),
    ),
    (
        r"bridge/services/.+",
        Layer(
            r"bridge\.(domain|rendering|storage|clients|services)",
            frozenset({"cryptography", "argon2", "pyotp"}),
        ),
    ),
    (
        r"bridge/runtime\.py",
        Layer(r"bridge\.(services|config|metrics|storage\.engine\.database)", frozenset({"flask"})),
    ),
    (
        r"bridge/metrics/.+",
        Layer(r"bridge\.(domain|services|config|metrics|storage\.engine\.database)", frozenset({"prometheus_client"})),
    ),
    # One place formats numbers, dates and texts for people; it sees no use case and no request.
    (r"bridge/web/i18n/.+", Layer(r"bridge\.(domain\.stores\.zones|web\.i18n)", frozenset({"babel"}))),
    # One place sets documents in pages; it sees their texts only.
    (
        r"bridge/web/receipts/pdf\.py",
        Layer(r"bridge\.web\.receipts\.document", frozenset({"reportlab", "fontpkg_noto_sans"})),
    ),
    (r"bridge/web/.+", Layer(rf"{_ENTRY_SHARED}|bridge\.web", None, _NOT_FOR_ENTRY_POINTS)),
    (_ENTRY_MODULE, Layer(_ENTRY_SHARED, None, _NOT_FOR_ENTRY_POINTS)),
    # A shop must not depend on the service, and runs as a program of its own.
    (r"fakeshop/.+", Layer(r"fakeshop")),
    (r"app\.py", Layer(r"bridge|schedulers", None, frozenset({"sqlalchemy"}))),
    (r"migrations/.+", Layer(r"bridge\.(storage|config|domain)|migrations", frozenset({"sqlalchemy", "alembic"}))),
)


AREAS = dict.fromkeys(("stores", "accounts", "metering", "sites", "orders", "events", "shop", "admin", "portal"))
"""The areas of each layer, in order: one imports those before it."""
AREA_LAYERS = ("domain", "storage", "services")
OTHER_AREAS = {
    "domain": {"engine": None, "ops": None},
    "storage": {"engine": None, "jobs": None, "ops": None},
    "services": {"ops": None},
}
"""Areas outside the order: the database itself, and subjects of the whole installation."""
WITHOUT_AREA = {
    "domain": {"errors.py"},
    "storage": frozenset(),
    "services": {"transactions.py", "secrets.py", "ids.py"},
}
"""Modules that every area of their layer uses."""
KNOWN_DETOURS = frozenset(
    {
        ("bridge/domain/accounts/accounts.py", "events"),
        ("bridge/domain/stores/stores.py", "metering"),
        ("bridge/storage/metering/usage.py", "sites"),
        ("bridge/storage/stores/stores.py", "sites"),
    }
)
"""Imports of a later area that are left; add none."""

PARSES_TIMES = ("bridge/web/", "bridge/cli/", "bridge/clients/woocommerce/times.py")
"""Modules that parse text into moments; all others receive moments."""
_MARKUP = re.compile(r"\baria[-_]\w+|</?[a-z][a-z0-9]*(?: [a-z-]+=[^<>]*)?/?>")


@dataclass(frozen=True)
class Import:
    """One imported name, in full; whether the statement is inside a function."""

    target: str
    line: int
    inside_function: bool


@functools.lru_cache(maxsize=1)
def parse(source: str) -> ast.Module:
    """Return the tree of a module; checks of one module after the other parse it once."""
    return ast.parse(source)


def project_files(root: Path) -> list[str]:
    """Return the paths that git tracks or would track; ignored ones, such as `.venv`, are left out.

    Without git, in an unpacked archive, return everything outside hidden and generated folders.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listing = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in files if not any(map(_GENERATED.fullmatch, path.parts)))
    return sorted({path for path in listing.split("\0") if path and (root / path).is_file()})


def is_product(path: str) -> bool:
    """Return whether this is a module of the product itself, to which all rules apply."""
    return path.endswith(".py") and (path == "app.py" or path.startswith(("bridge/", "schedulers/")))


def list_imports(path: str, source: str) -> list[Import]:
    """Return all the names a module imports, relative ones resolved, those in `import_module("…")` too."""
    return list(_imports_below(parse(source), PurePosixPath(path).parent.parts, inside_function=False))


def _imports_below(node: ast.AST, package: Sequence[str], *, inside_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for target in _targets(child, package):
            yield Import(target, child.lineno, inside_function)
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports_below(child, package, inside_function=inside_function or is_function)


def _targets(node: ast.AST, package: Sequence[str]) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            above = list(package[: len(package) - level + 1]) if level else []
            base = [*above, module] if module else above
            return [".".join([*base, name.name]) for name in names]
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
    return []


def import_faults(path: str, source: str) -> list[str]:
    """Return imports that point up or sideways, and imports inside a function that avoid a cycle."""
    floor = next((floor for pattern, floor in LAYERS if re.fullmatch(pattern, path)), None)
    if floor is None:
        is_empty = not parse(source).body
        return [] if not is_product(path) or is_empty else [f"{path}:1 belongs to no layer"]
    faults = []
    for found in list_imports(path, source):
        if not floor.admits(found.target):
            faults.append(f"{path}:{found.line} may not import {found.target}")
        elif found.inside_function and found.target.partition(".")[0] in _OURS:
            faults.append(f"{path}:{found.line} imports {found.target} inside a function: move the rule down a floor")
    return faults


def area_faults(path: str, source: str) -> list[str]:
    """Return modules outside of the areas, and imports of a later area inside one layer."""
    parts = PurePosixPath(path).parts
    if len(parts) < 3 or parts[0] != "bridge" or parts[1] not in AREA_LAYERS or parts[-1] == "__init__.py":
        return []
    layer, area = parts[1], parts[2]
    if len(parts) == 3:
        return [] if area in WITHOUT_AREA[layer] else [f"{path}:1 belongs to no area"]
    if area not in AREAS | OTHER_AREAS[layer]:
        return [f"{path}:1 is in an unknown area"]
    later = list(AREAS)[list(AREAS).index(area) + 1 :] if area in AREAS else []
    return [
        f"{path}:{found.line} imports {found.target} of a later area"
        for found in list_imports(path, source)
        if any(found.target.startswith(f"bridge.{layer}.{one}.") for one in later)
        and (path, found.target.split(".")[2]) not in KNOWN_DETOURS
    ]


def parsing_faults(path: str, source: str) -> list[str]:
    """Return calls of `fromisoformat` outside of the modules that take text from elsewhere."""
    if not is_product(path) or path.startswith(PARSES_TIMES):
        return []
    return [
        f"{path}:{node.lineno} parses a time: take a datetime or a date"
        for node in ast.walk(parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "fromisoformat"
    ]


def markup_faults(path: str, source: str) -> list[str]:
    """Return HTML tags and ARIA attributes in services: pages are made in `bridge/web` and the templates."""
    if not path.startswith("bridge/services/") or not path.endswith(".py"):
        return []
    return [
        f"{path}:{number} holds {found.group()!r}: leave it to the page"
        for number, line in enumerate(source.splitlines(), start=1)
        for found in _MARKUP.finditer(line)
    ]


def status_faults(path: str, source: str) -> list[str]:
    """HTTP statuses in services: they return typed results, and `bridge/web` has the status of each."""
    if not path.startswith("bridge/services/") or not path.endswith(".py"):
        return []
    return [
        f"{path}:{node.lineno} holds an HTTP status: return a type, and let the web layer map it"
        for node in ast.walk(parse(source))
        if any(map(_is_status, _places_of_status(node)))
    ]


def payload_faults(path: str, source: str) -> list[str]:
    """Return payloads of events that services put together: `bridge/rendering/event_payloads.py` has one of each."""
    if not path.startswith("bridge/services/") or not path.endswith(".py"):
        return []
    return [
        f"{path}:{node.lineno} puts the payload of an event together: move it to bridge/rendering/event_payloads.py"
        for node in ast.walk(ast.parse(source))
        if any(isinstance(place, ast.Dict) for place in _places_of_payload(node))
    ]


def _places_of_payload(node: ast.AST) -> Sequence[ast.AST | None]:
    match node:
        case ast.Assign(targets=[ast.Name(id="payload")], value=value):
            return [value]
        case ast.AnnAssign(target=ast.Name(id="payload"), value=value):
            return [value]
        case ast.Call(func=ast.Name(id="NewEvent") | ast.Attribute(attr="announce"), args=arguments, keywords=named):
            return [*arguments, *(each.value for each in named)]
    return []


def _places_of_status(node: ast.AST) -> Sequence[ast.AST | None]:
    match node:
        case ast.Return(value=ast.Tuple(elts=[first, *_])):
            return [first]
        case ast.keyword(arg="status", value=value):
            return [value]
        case ast.Dict(keys=keys, values=values):
            named = zip(keys, values, strict=True)
            return [value for key, value in named if isinstance(key, ast.Constant) and key.value == "status"]
    return []


def _is_status(node: ast.AST | None) -> bool:
    match node:
        case ast.Constant(value=int(number)):
            return 100 <= number < 600
        case ast.IfExp(body=body, orelse=otherwise):
            return _is_status(body) or _is_status(otherwise)
    return False


def circle_faults(sources: Mapping[str, str]) -> list[str]:
    """Return the first cycle of imports among these modules, if there is one; sources are keyed by path."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in sources}
    graph = {}
    for module, path in modules.items():
        targets = {found.target for found in list_imports(path, sources[path])}
        known = {target if target in modules else target.rpartition(".")[0] for target in targets}
        graph[module] = (known & modules.keys()) - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        return [f"{modules[circle.args[1][0]]}:1 imports in a circle: {' <- '.join(circle.args[1])}"]
    return []


def size_faults(path: str, source: str) -> list[str]:
    """Return files above their limit and, in the product, functions above theirs, without decorators."""
    faults = []
    lines = len(source.splitlines())
    if PurePosixPath(path).suffix in MEASURED and lines > FILE_LINES:
        faults.append(f"{path}:{lines} has {lines} lines, more than {FILE_LINES}: split it by concept")
    for node in ast.walk(parse(source)) if is_product(path) else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                faults.append(f"{path}:{node.lineno} {node.name} has {length} lines, more than {FUNCTION_LINES}")
    return faults


def init_faults(path: str, source: str) -> list[str]:
    """Return code in an `__init__.py`; only the one that lists the blueprints may have some."""
    if PurePosixPath(path).name != "__init__.py" or path == "bridge/web/__init__.py":
        return []
    tree = parse(source)
    code = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return [f"{path}:{code[0].lineno} holds code: give it a module with a name"] if code else []


def name_faults(path: str) -> list[str]:
    """Return a fault for a file name that does not describe its content."""
    name = PurePosixPath(path).name
    return [f"{path}:1 is called {name}: name it after its concept"] if name in UNWELCOME_NAMES else []


def docstring_faults(path: str, source: str) -> list[str]:
    """Return public functions, classes and methods of the product without a docstring; overriding ones need none."""
    return list(_undocumented(path, parse(source))) if is_product(path) and path != "app.py" else []


def _undocumented(path: str, parent: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        if ast.get_docstring(node) is None and not decorators & {"override", "overload", "setter"}:
            yield f"{path}:{node.lineno} {node.name} is public and has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(path, node)


def text_faults(path: str, source: str) -> list[str]:
    """Return paths of a developer's machine, and marks of unfinished work."""
    return [
        f"{path}:{number} holds {found.group()!r}"
        for number, line in enumerate(source.splitlines(), start=1)
        for found in _FORBIDDEN.finditer(line)
    ]


def migration_faults(paths: Sequence[str]) -> list[str]:
    """Return migrations that are not numbered 0001, 0002, … without a gap or a number used twice."""
    files = sorted(path for path in paths if path.startswith("migrations/versions/") and path.endswith(".py"))
    faults = []
    for expected, path in enumerate((path for path in files if not path.endswith("/__init__.py")), start=1):
        number = _MIGRATION.fullmatch(PurePosixPath(path).name)
        if number is None or int(number[1]) != expected:
            faults.append(f"{path}:1 should be called {expected:04d}_what_it_does.py")
    return faults
