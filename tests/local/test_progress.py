"""What a person is told during a download, and what the machine has left."""

import io

import pytest

from rlm_async.models.local.bar import Bar
from rlm_async.models.local.machine import free_disk, free_memory
from rlm_async.models.local.progress import Lines, reporter


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_for_every_ten_percent():
    stream = io.StringIO()
    with reporter(stream) as told:
        assert isinstance(told, Lines)
        for done in range(101):
            told.advance(done << 20, 100 << 20)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[5] == "  50 MiB of 100 MiB (50 %)"


def test_a_download_that_starts_again_is_told_again():
    stream = io.StringIO()
    told = Lines(stream)
    told.advance(90, 100)
    told.advance(10, 100)
    assert [line.split("(")[1] for line in stream.getvalue().splitlines()] == ["90 %)", "10 %)"]


def test_a_terminal_gets_a_bar_and_the_news_above_it():
    stream = Terminal()
    with reporter(stream) as told:
        assert isinstance(told, Bar)
        told.say("fetching [tiny] from elsewhere")
        told.advance(5, 10)
        told.advance(10, 10)
    assert "fetching [tiny] from elsewhere" in stream.getvalue()


def test_a_containers_limit_counts_as_memory(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    assert free_memory(tmp_path / "meminfo", tmp_path) == 2 << 20
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert free_memory(tmp_path / "meminfo", tmp_path) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path / "meminfo", tmp_path) == 2 << 20
    assert free_memory(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize("below", ["", "not/yet/there"])
def test_the_disk_of_a_folder_that_is_not_there_yet_is_known(tmp_path, below):
    assert free_disk(tmp_path / below) > 0
