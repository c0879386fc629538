"""The tree stays easy to read: small files, small functions, names that say something, no float in money."""

import ast
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    p
    for tree in ("gateway", "policies")
    for p in (ROOT / tree).rglob("*.py")
    if "encodings" not in p.relative_to(ROOT).parts
)
LINES_MAX = 300
FUNCTION_LINES_MAX = 50
BANNED = {"utils", "util", "common", "helpers", "helper", "manager", "service", "misc", "base_utils"}

# Where amounts of money or of limits are worked out: whole numbers only.
EXACT = [
    "gateway/core/money.py",
    "gateway/core/price.py",
    "gateway/core/usage.py",
    "gateway/limits/accounts.py",
    "gateway/limits/holds.py",
]
EXACT += [str(p.relative_to(ROOT)) for p in sorted((ROOT / "gateway/ledger").glob("*.py"))]


def name(path):
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def trees():
    return {name(p): ast.parse(p.read_text()) for p in SOURCES}


def test_the_sources_are_found():
    assert len(SOURCES) > 80
    assert all((ROOT / path).exists() for path in EXACT)


def test_no_file_is_longer_than_one_can_read_at_once():
    long = {name(p): n for p in SOURCES if (n := len(p.read_text().splitlines())) > LINES_MAX}
    assert not long


def test_every_module_says_what_it_is_for(trees):
    assert not [path for path, tree in trees.items() if not ast.get_docstring(tree)]


def test_no_function_is_longer_than_a_page(trees):
    long = {
        f"{path}:{node.lineno} {node.name}": length
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := node.end_lineno - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not long


def test_no_module_has_a_name_that_says_nothing():
    parts = {part for p in SOURCES for part in p.relative_to(ROOT).with_suffix("").parts}
    assert not parts & BANNED


@pytest.mark.parametrize("path", EXACT)
def test_no_float_comes_near_money(path):
    """Neither a float literal, nor `float(…)`, nor a true division of numbers. Constants about syncing are seconds."""
    tree = ast.parse((ROOT / path).read_text())
    tree.body = [node for node in tree.body if not is_seconds(node)]
    found = [
        f"{path}:{node.lineno}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not joins_paths(node))
    ]
    assert not found


def is_seconds(node):
    return isinstance(node, ast.Assign) and any(word in ast.unparse(node.targets[0]) for word in ("_S", "SYNC_"))


def joins_paths(node):
    right = node.right
    return isinstance(right, ast.JoinedStr) or (isinstance(right, ast.Constant) and isinstance(right.value, str))


def test_nothing_is_left_to_be_done_later():
    """No marks for later, no commented-out breakpoints: what is not done is an issue, not a comment."""
    marks = {"TODO", "FIXME", "XXX", "HACK"}
    found = []
    for path in SOURCES:
        with path.open("rb") as file:
            comments = [t for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT]
        found += [f"{name(path)}:{t.start[0]}" for t in comments if marks & set(t.string.replace(":", " ").split())]
    assert not found


def test_no_two_test_files_share_a_name():
    """Tests are no packages: pytest would take one for the other."""
    names = [p.name for p in (ROOT / "tests").rglob("*.py") if p.name != "conftest.py"]
    assert len(names) == len(set(names))


def test_what_tests_import_of_each_other_has_a_name_of_its_own():
    """They are found by name alone: of two that are called alike, one process sees whichever it met first."""
    shared, packages = {"__init__", "__main__", "conftest"}, {"simulation"}
    folders = [ROOT / "tests", ROOT / "benchmarks" / "money" / "suite"]
    files = [path for folder in folders for path in folder.rglob("*.py") if path.parent.name not in packages]
    names = Counter(path.stem for path in files if path.stem not in shared)
    assert [name for name, count in names.items() if count > 1] == []
