"""The house rules that no single room can keep alone."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template import engines
from django.utils.module_loading import import_string

ROOT = Path(settings.BASE_DIR)
CODE = [path for room in ("accounts", "config", "handoffs", "examples") for path in sorted((ROOT / room).rglob("*.py"))]
OURS = [path for path in CODE if "migrations" not in path.parts]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def test_imports_go_one_way():
    outcome = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_compiles(template):
    engines["django"].get_template(str(template.relative_to(ROOT / "templates")))


def test_no_function_is_longer_than_fifty_lines():
    assert [words for path in OURS for words in _longer_than(path, 50)] == []


def test_no_file_is_longer_than_four_hundred_lines():
    assert [str(path.relative_to(ROOT)) for path in OURS if len(path.read_text().splitlines()) > 400] == []


def test_every_module_opens_with_a_sentence():
    silent = [
        path for path in OURS if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def _longer_than(path: Path, limit: int) -> list[str]:
    functions = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for node in functions
        if node.end_lineno - node.lineno + 1 > limit
    ]


def test_every_job_name_resolves():
    names = {name for path in OURS for name in re.findall(r"\"(handoffs\.jobs\.\w+)\"", path.read_text())}
    assert names
    assert [name for name in names if not callable(import_string(name))] == []
