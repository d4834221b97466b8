"""Where an OpenAI-compatible server is, and the key it wants; never shows the key."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from rlm_async.errors import ConfigError

_CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to send requests to.

    `base` ends before ``/chat/completions`` and holds no credentials; `name` is the host for people;
    `socket` is the path of a unix socket, or None for TCP. `authorization` is the header's value.
    """

    base: str
    name: str
    query: str = ""
    socket: str | None = None
    authorization: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def bare(self) -> bool:
        """Whether the address has no path: most servers then mean ``/v1``."""
        return urlsplit(self.base).path == ""

    @property
    def local(self) -> bool:
        """Whether it is on this machine, where no proxy is wanted."""
        host = urlsplit(self.base).hostname or ""
        return self.socket is not None or host in {"localhost", "::1"} or host.startswith("127.")

    def url(self, path: str) -> str:
        """The address of a call, such as ``/chat/completions``."""
        return f"{self.base}{path}{self.query}"

    @classmethod
    def parse(cls, api_base: str, api_key: str | None = None) -> Endpoint:
        """Read ``http(s)://host[:port][/v1]``, ``unix:///run/server.sock`` or ``http+unix://%2Frun%2Fserver.sock/v1``.

        Raises ConfigError for anything else. A user and password in the address become basic
        authentication (RFC 7617) where there is no key.
        """
        try:
            parts = urlsplit(api_base.strip())
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"api_base is not a valid address: {error}") from None
        authorization, secrets = _authorization(parts, api_key)
        secrets += tuple(value for _, value in parse_qsl(parts.query) if value)  # `?api-key=…`
        query = f"?{parts.query}" if parts.query else ""
        if parts.scheme == "unix":
            path = parts.path or unquote(parts.netloc)
            if not path.startswith("/"):
                raise ConfigError("api_base unix: needs an absolute path, such as unix:///run/server.sock")
            return cls("http://localhost/v1", path, query, path, authorization, secrets)
        if parts.scheme == "http+unix":
            path = unquote(parts.netloc)
            return cls(f"http://localhost{_path(parts.path)}", path, query, path, authorization, secrets)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            shown = "api_base" if "@" in api_base or "?" in api_base else f"api_base {api_base!r}"
            raise ConfigError(f"{shown} is no address of a server: begin it with http://, https:// or unix://")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        name = host if port is None else f"{host}:{port}"
        return cls(f"{parts.scheme}://{name}{_path(parts.path)}", name, query, None, authorization, secrets)


def _path(path: str) -> str:
    return path.rstrip("/").removesuffix(_CHAT)


def _authorization(parts: SplitResult, api_key: str | None) -> tuple[str | None, tuple[str, ...]]:
    if parts.username is None:
        return (None, ()) if not api_key else (f"Bearer {api_key}", (api_key,))
    user, password = unquote(parts.username), unquote(parts.password or "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    secrets = tuple(secret for secret in (api_key, password, basic) if secret)
    return f"Bearer {api_key}" if api_key else f"Basic {basic}", secrets
