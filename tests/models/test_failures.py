"""From a provider's words to an error someone can act on."""

import pytest

from rlm_async.errors import ConfigError, ContextOverflow, ModelRejected, ModelUnavailable, RateLimited
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.failures import Answerer, failure, retry_after
from rlm_async.models.wire import fault_text

WHO = Answerer("api.example.com", "small", secrets=("sesame",))


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"),
    [
        (400, "This model's maximum context length is 8192 tokens", ContextOverflow, "does not fit the window"),
        (400, "the request exceeds the available context size", ContextOverflow, "does not fit"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", ContextOverflow, "does not fit"),
        (400, "input length and `max_tokens` exceed context limit", ContextOverflow, "does not fit"),
        (413, "", ContextOverflow, "does not fit"),
        (400, "temperature must be between 0 and 2", ModelRejected, "temperature must be"),
        (400, "invalid model name passed in", ModelRejected, "does not know the model 'small'"),
        (401, "Incorrect API key provided", ModelRejected, "refused the key"),
        (402, "insufficient credits", ModelRejected, "insufficient credits"),
        (403, "not in your region", ModelRejected, "not in your region"),
        (404, "The model `small` does not exist", ModelRejected, "does not know the model 'small'"),
        (404, "model 'small' not found", ModelRejected, "does not know the model 'small'"),
        (404, "page not found", ModelRejected, "check api_base"),
        (301, "", ModelRejected, "another address"),
        (408, "", ModelUnavailable, "failed (408)"),
        (429, "slow down", RateLimited, "asked to wait"),
        (429, "You exceeded your current quota, please check your plan and billing", ModelRejected, "quota"),
        (500, "oops", ModelUnavailable, "oops"),
        (503, "busy", ModelUnavailable, "busy"),
        (529, "overloaded_error", RateLimited, "overloaded"),
    ],
)
def test_a_status_and_its_words_become_the_error_they_are(status, message, kind, words):
    error = failure(status, message, WHO)
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)


def test_busy_with_a_wait_named_is_a_wait():
    error = failure(503, "busy", WHO, 3.0)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3.0


def test_no_key_at_all_is_told_as_that():
    assert "wants a key" in str(failure(401, "", Answerer("h", "m", keyed=False)))


@pytest.mark.parametrize(
    "secret",
    [
        "sesame",
        "sk-proj-abcdefghijklmnop",
        "sk-ab***************wxyz",
        "Bearer eyJhbGciOi.J9",
        "AIzaSyA-1234567890abcdef",
        "https://me:hunter2@host/v1",
        "https://host/v1?key=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_cut_out_of_a_providers_words(secret):
    error = str(failure(500, f"it failed with {secret} in it\nand a second line", WHO))
    assert "hunter2" not in error
    assert secret not in error
    assert "***" in error
    assert "and a second line" in error


def test_long_words_are_clipped():
    assert len(str(failure(400, "x" * 10_000, WHO))) < 500


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert retry_after(headers, now=10.0) == seconds


@pytest.mark.parametrize(
    ("address", "url", "socket"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions", None),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions", None),
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions", None),
        ("https://h/openai?api-version=1", "https://h/openai/chat/completions?api-version=1", None),
        ("http://[::1]:80/v1", "http://[::1]:80/v1/chat/completions", None),
        ("unix:///run/server.sock", "http://localhost/v1/chat/completions", "/run/server.sock"),
        ("http+unix://%2Frun%2Fserver.sock/api", "http://localhost/api/chat/completions", "/run/server.sock"),
    ],
)
def test_an_address_is_read(address, url, socket):
    endpoint = Endpoint.parse(address)
    assert endpoint.url("/chat/completions") == url
    assert endpoint.socket == socket


@pytest.mark.parametrize(
    "address", ["localhost:8000", "ftp://h/v1", "", "http://", "unix:server.sock", "http://h:port/v1"]
)
def test_what_is_no_address_is_an_error_that_names_the_setting(address):
    with pytest.raises(ConfigError, match="api_base"):
        Endpoint.parse(address)


def test_neither_key_nor_password_shows():
    endpoint = Endpoint.parse("https://me:hunter2@host/v1", "sk-topsecret")
    assert "hunter2" not in repr(endpoint)
    assert "topsecret" not in repr(endpoint)
    assert endpoint.name == "host"
    with pytest.raises(ConfigError) as caught:
        Endpoint.parse("me:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_a_user_and_password_are_basic_authentication():
    assert Endpoint.parse("https://me:hunter2@host/v1").authorization == "Basic bWU6aHVudGVyMg=="
    assert Endpoint.parse("https://host/v1", "key").authorization == "Bearer key"
    assert Endpoint.parse("https://host/v1").authorization is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"error": {"message": "no", "code": "bad", "type": "invalid"}}', "no (bad, invalid)"),
        (b'{"error": "no"}', "no"),
        (b'{"object": "error", "message": "no", "code": 400}', "no"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body"], "msg": "missing"}]}', '{"loc": ["body"], "msg": "missing"}'),
        (b"plain words", "plain words"),
        (b"<html><body>Bad Gateway</body></html>", ""),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_an_error_body_is_read_in_any_shape(raw, words):
    assert fault_text(raw) == words
