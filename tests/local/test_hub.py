"""Weights from the hub: HTTP with ranges, against a server on loopback."""

import http.server
import threading
from contextlib import contextmanager

import pytest

from rlm_async.errors import ConfigError
from rlm_async.models.local.hub import Hub
from rlm_async.models.local.install import Installer

ROOM = 10**12


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves `server.data`; hangs up after `server.cut` bytes of a reply, as often as `server.cuts` says."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        begin = 0
        if server.status != 200:
            self.send_error(server.status)
            return
        if server.ranges and (wanted := self.headers.get("Range")):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        body = server.data[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            body = body[: server.cut]
        self.wfile.write(body)

    def log_message(self, *args):
        """Nothing on the terminal."""


@contextmanager
def mirror(data, **behaviour):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked, server.data = [], data
    server.ranges, server.cuts, server.cut, server.status = True, 0, 1500, 200
    for name, value in behaviour.items():
        setattr(server, name, value)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def installer(server, store, *more):
    return Installer(store, [Hub(f"http://127.0.0.1:{server.server_port}", lambda folder: ROOM), *more])


def test_the_official_file_is_fetched_whole(index, store, record):
    with mirror(index.data) as server:
        path = installer(server, store).install(index.weights, record)
    assert path.read_bytes() == index.data
    assert server.asked == [("/somebody/tiny/resolve/main/tiny.gguf", None)]


def test_a_broken_connection_is_taken_up_where_it_broke(index, store, record):
    with mirror(index.data, cuts=2) as server:
        path = installer(server, store).install(index.weights, record)
    assert path.read_bytes() == index.data
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1500-", "bytes=3000-"]


def test_what_another_source_began_is_continued(index, store, record):
    store.part(index.weights).write_bytes(index.data[:1000])
    with mirror(index.data) as server:
        assert installer(server, store).install(index.weights, record).read_bytes() == index.data
    assert server.asked[0][1] == "bytes=1000-"


def test_a_server_without_ranges_starts_from_the_beginning(index, store, record):
    store.part(index.weights).write_bytes(index.data[:1000])
    with mirror(index.data, ranges=False) as server:
        assert installer(server, store).install(index.weights, record).read_bytes() == index.data


@pytest.mark.parametrize("status", [401, 404, 503])
def test_an_answer_that_is_no_file_goes_on_to_the_next_source(index, store, record, status):
    nothing = _Source(index.data)
    with mirror(index.data, status=status) as server:
        path = installer(server, store, nothing).install(index.weights, record)
    assert path.read_bytes() == index.data
    assert any(f"answers {status}" in line for line in record.lines)


def test_a_hub_out_of_reach_is_one_line_and_the_next_source(index, store, record):
    with mirror(index.data) as server:
        port = server.server_port  # free again when the block is left
    hub = Hub(f"http://127.0.0.1:{port}", lambda folder: ROOM)
    Installer(store, [hub, _Source(index.data)]).install(index.weights, record)
    assert [line for line in record.lines if "cannot be reached" in line] == [
        f"  127.0.0.1:{port} cannot be reached (Connection refused)"
    ]


def test_it_is_asked_once_also_where_a_part_is_there_already(index, store, record):
    store.part(index.weights).write_bytes(index.data[:1000])
    with mirror(index.data, cuts=99, cut=0) as server, pytest.raises(ConfigError, match="ended early"):
        installer(server, store).install(index.weights, record)
    assert len(server.asked) == 1


def test_another_file_of_the_same_name_is_not_fetched(index, store, record):
    with mirror(index.data + b"more") as server, pytest.raises(ConfigError, match="another file of this name"):
        installer(server, store).install(index.weights, record)
    assert not store.part(index.weights).exists()


def test_another_file_of_the_same_size_is_deleted_and_the_next_source_asked(index, store, record):
    with mirror(index.data[:-1] + b"!") as server:
        path = installer(server, store, _Source(index.data)).install(index.weights, record)
    assert path.read_bytes() == index.data
    assert any("not the official file" in line for line in record.lines)


def test_when_all_sources_fail_each_says_why(index, store, record):
    with mirror(index.data, status=404) as server, pytest.raises(ConfigError) as caught:
        installer(server, store, _Source(None)).install(index.weights, record)
    assert "answers 404" in str(caught.value)
    assert "nothing here" in str(caught.value)


class _Source:
    name = "elsewhere"

    def __init__(self, data):
        self.data = data

    def has(self, weights):
        return True

    def fetch(self, weights, store, report):
        if self.data is None:
            raise ConfigError("nothing here")
        store.part(weights).write_bytes(self.data)
