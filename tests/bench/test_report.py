"""Tables and figures: what is compared, with how many, and how sure."""

from __future__ import annotations

import re

import pytest

from rlm_async.bench.report import write_report
from rlm_async.bench.summary import front, ideal_wall, sections
from tests.bench.test_store import row

PNG = b"\x89PNG\r\n"


def many(variant, **point):
    """Rows of two windows for two arms, two sizes and two degrees of concurrency."""
    made = []
    for seed in (0, 1):
        for arm in ("direct", "depth 1", "depth 2"):
            for size in (8_000, 32_000):
                for concurrency in (1, 64):
                    base = row(
                        f"{seed}{arm}{size}{concurrency}{sorted(point.items())}",
                        usd=0.1 * size,
                        wall=9.0 / concurrency,
                        source=source(point),
                    )
                    varied = {"seed": seed, "arm": arm, "size": size, "concurrency": concurrency, **point}
                    made.append(
                        variant(
                            base,
                            point=variant(base.point, **varied),
                            tokens=size,
                            critical=0.1,
                            by_depth={"0": (1, 9, 0.1)},
                        )
                    )
    return made


def source(point):
    model = point.get("model", "openai/gpt")
    return "simulated" if model.startswith("sim") else "local" if model == "local" else "real"


def test_models_data_sets_and_clocks_are_never_mixed(variant):
    rows = [
        *many(variant, model="sim-strong"),
        *many(variant, model="sim-weak"),
        *many(variant, model="local"),
        *many(variant, model="openai/gpt"),
        *many(variant, model="openai/gpt", data="trec@1"),
        *many(variant, model="openai/gpt", data="sample@1"),
        *many(variant, model="sim-strong", clock="virtual"),
    ]
    found = sections(rows)
    assert len(found) == 7
    for section, groups in found.items():
        inside = [one for group in groups for one in group.rows]
        assert {(one.source, one.point.model, one.point.data, one.point.clock) for one in inside} == {
            (section.source, section.model, section.data, section.clock)
        }
    assert sum(len(group.rows) for groups in found.values() for group in groups) == len(rows)


def test_the_report_is_one_file_with_every_figure_and_its_n(variant, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    rows = [*many(variant, model="sim-strong"), variant(row(), source="local")]
    write_report(rows, tmp_path / "bench.html", tmp_path / "png")
    page = (tmp_path / "bench.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert page.index("Simulated models") < page.index("Models on this machine")
    assert "no score here is any model" in page.lower()
    assert "Models of providers" not in page
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    simulated = [caption for caption in captions if "simulated" in caption]
    assert len(simulated) == 6
    assert all("24 questions over 4 windows; bars are 95 % bootstrap intervals" in caption for caption in simulated)
    names = sorted(path.name for path in (tmp_path / "png").iterdir())
    assert len(names) == len(captions)
    assert all((tmp_path / "png" / name).read_bytes().startswith(PNG) for name in names)
    assert "100.0 [100.0, 100.0] n=2/2" in page


def test_a_figure_without_points_is_left_out(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    write_report([row(usd=None)], tmp_path / "bench.html")
    page = (tmp_path / "bench.html").read_text()
    assert "Pareto" not in page.partition("<h2>")[2]
    assert "unknown" in page
    assert "[0.0, 100.0] n=1/1" in page


def test_what_the_data_set_was_stands_in_the_table(variant, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    base = row()
    write_report([variant(base, point=variant(base.point, data="sample@00ff"))], tmp_path / "bench.html")
    assert "data: sample@00ff" in (tmp_path / "bench.html").read_text()


def test_the_pareto_front_is_what_nothing_beats():
    assert front([(1.0, 0.5), (2.0, 0.4), (3.0, 0.9), (3.0, 0.8)]) == [0, 2]


def test_no_schedule_beats_the_ideal(variant):
    base = row(work=100.0, serial=20.0, critical=25.0)
    at = {many_: ideal_wall(variant(base, point=variant(base.point, concurrency=many_))) for many_ in (1, 8, 1_000)}
    assert at == {1: 100.0, 8: 30.0, 1_000: 25.0}
