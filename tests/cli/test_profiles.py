"""`rlm-async profile`: what is installed, a new one, and its check."""

from __future__ import annotations

import io
import sys
from importlib.metadata import EntryPoint

import pytest
from typer.testing import CliRunner

from rlm_async.cli import options, profiles
from rlm_async.cli.app import app
from rlm_async.cli.lines import Lines
from rlm_async.cli.progress import Progress
from rlm_async.core.context import Context
from rlm_async.core.events import RunStarted
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError
from rlm_async.profiles import template
from rlm_async.testing import profile_conformance

runner = CliRunner()


@pytest.fixture
def diary(tmp_path, monkeypatch):
    """A plugin out of the template, importable and found by its entry point, and no other."""
    template.new_plugin("diary", tmp_path / "made")
    monkeypatch.syspath_prepend(str(tmp_path / "made"))
    entries = {"diary": EntryPoint("diary", "rlm_async_diary:profile", "rlm_async.profiles")}
    found_by(monkeypatch, entries)
    yield tmp_path / "made"
    sys.modules.pop("rlm_async_diary", None)


def found_by(monkeypatch, entries):
    monkeypatch.setattr(profiles, "installed", lambda: entries)
    monkeypatch.setattr(sys.modules["rlm_async.profiles.installed"], "installed", lambda: entries)
    monkeypatch.setattr(profile_conformance, "entry_points", lambda group: list(entries.values()))


def test_a_plugin_from_the_template_is_listed(diary):
    done = runner.invoke(app, ["profile", "list"])
    assert done.exit_code == 0
    assert done.stdout.startswith("diary: diaries\n    entries(doc=None): ")
    assert "    schemas: events" in done.stdout


def test_a_plugin_from_the_template_passes_the_check(diary):
    done = runner.invoke(app, ["profile", "check", "diary"])
    assert done.exit_code == 0, done.stdout
    assert done.stdout.count("holds  ") == len(profile_conformance.PROFILE_CLAIMS)


def test_a_fault_is_told_and_ends_with_status_1(diary):
    source = diary / "rlm_async_diary" / "__init__.py"
    source.write_text(source.read_text().replace("* 0.9", "/ 0"))
    done = runner.invoke(app, ["profile", "check", "diary"])
    assert done.exit_code == 1
    assert "FAILS  it knows its own and no prose: ZeroDivisionError" in done.stdout
    assert "holds  its schemas are json schemas" in done.stdout


def test_a_broken_plugin_hides_no_other(diary, monkeypatch):
    broken = EntryPoint("broken", "nowhere_at_all:profile", "rlm_async.profiles")
    found_by(
        monkeypatch, {"broken": broken, "diary": EntryPoint("diary", "rlm_async_diary:profile", "rlm_async.profiles")}
    )
    done = runner.invoke(app, ["profile", "list"])
    assert done.exit_code == 1
    assert "diary: diaries" in done.stdout
    assert "cannot be loaded: ModuleNotFoundError" in done.stderr


def test_with_none_installed_the_way_to_one_is_told(monkeypatch):
    found_by(monkeypatch, {})
    assert "`rlm-async profile new NAME` makes one" in runner.invoke(app, ["profile", "list"]).stdout


@pytest.mark.parametrize("name", ["auto", "plain", "Big", "a b", "-x", "1a", "a--b", ""])
def test_a_name_that_cannot_be_is_refused_before_anything_is_written(name, tmp_path):
    with pytest.raises(ConfigError, match="cannot be a profile's name"):
        template.new_plugin(name, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        template.new_plugin("diary", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_schema_is_a_file_or_else_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events").write_text('{"type": "array"}')
    assert options.schema_or_name("events") == {"type": "array"}
    assert options.schema_or_name("clauses") == "clauses"
    assert options.schema_or_name(None) is None
    with pytest.raises(ConfigError, match=r"cannot read the schema absent\.json"):
        options.schema_or_name("absent.json")


def test_the_help_names_what_is_installed(monkeypatch):
    entries = [EntryPoint("b", "x:y", "rlm_async.profiles"), EntryPoint("a", "x:y", "rlm_async.profiles")]
    monkeypatch.setattr(options, "entry_points", lambda group: entries)
    assert options.installed_profiles() == ["a", "b"]


@pytest.mark.parametrize(("profile", "lines"), [("legal", ["profile: legal"]), ("plain", [])])
def test_the_profile_that_was_taken_is_told(profile, lines):
    stream = io.StringIO()
    query = Query(prompt="Which?", context=Context.of("text"), model="m", profile=profile)
    Lines(Progress(), stream, lambda: 0.0)(RunStarted(at=0.0, run="r1", started=0.0, query=query, limits=Limits()))
    assert stream.getvalue().splitlines() == lines
