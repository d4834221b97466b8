"""What can be typed after a command, and what becomes of it: limits, rates, keys, schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from rlm_async.core.usage import Limits, Rates
from rlm_async.errors import ConfigError

MODEL = "RLM_ASYNC_MODEL"
"""The environment variable that names the model where `--model` does not."""
OPENAI = "OPENAI_API_KEY"
KEYS = (
    OPENAI,
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "MISTRAL_API_KEY",
    "GROQ_API_KEY",
    "DEEPSEEK_API_KEY",
    "OPENROUTER_API_KEY",
    "AZURE_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "COHERE_API_KEY",
    "XAI_API_KEY",
    "TOGETHERAI_API_KEY",
)
"""Environment variables in which common providers' keys are looked for; only their presence is told."""


def installed_profiles() -> list[str]:
    """Names of the profiles that installed distributions bring; nothing of them is loaded."""
    return sorted({entry.name for entry in entry_points(group="rlm_async.profiles")})


ModelName = Annotated[
    str | None,
    typer.Option("--model", "-m", help=f"openai/gpt-5, local, local:0.5b, FILE.gguf, … Default: ${MODEL}, else local."),
]
SubModelName = Annotated[str | None, typer.Option("--sub-model", help="Answers sub-queries. Default: the model.")]
Fallbacks = Annotated[
    list[str] | None, typer.Option("--fallback", metavar="MODEL", help="Answers where a model is down; again for more.")
]
ApiBase = Annotated[str | None, typer.Option("--api-base", metavar="URL", help="An OpenAI-compatible endpoint.")]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        metavar="NAME",
        help="Environment variable that holds the key. A key is never an argument: others could see it. "
        "Default: the provider's own variable, such as OPENAI_API_KEY.",
    ),
]
Depth = Annotated[
    int | None, typer.Option("--depth", metavar="N", help="Levels of sub-queries: 0 none, 1 plain (default), 2 …")
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", metavar="N", help="Model requests in flight at once. Default: 64.")
]
LimitPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=AMOUNT",
        help="A ceiling, again for more: usd=1, calls=100, tokens=500k, seconds=600, turns=20, fanout=256, depth=2; "
        "none lifts it.",
    ),
]
RatePairs = Annotated[
    list[str] | None,
    typer.Option("--rate", metavar="NAME=AMOUNT", help="rpm=60, tpm=100k: requests and tokens a minute for a model."),
]
StrategyName = Annotated[
    str,
    typer.Option(
        "--strategy", metavar="NAME", help="auto, repl, guided or direct; auto:FILE, by rules of `advise --fit`."
    ),
]
ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="What prompts, functions and loading are tailored to: auto takes the installed one that fits the input, "
        f"plain none; or a FILE.toml. Installed: {', '.join(installed_profiles()) or 'none'}.",
    ),
]
SandboxMode = Annotated[
    str | None,
    typer.Option(
        "--sandbox", metavar="MODE", help="strict, process where the system has no more (macOS), or a plugin's name."
    ),
]
JournalFile = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="Keep the run in this file, and take up an unfinished one of the same question. default: the user's own "
        "file. Without: $RLM_ASYNC_JOURNAL, else nothing is kept.",
    ),
]
JournalContent = Annotated[
    str,
    typer.Option(
        "--journal-content",
        metavar="WHAT",
        help="full; no-context: not the input, which a replay is then given again; none: no texts at all, and then "
        "neither resume nor replay.",
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin anew, even where an unfinished run could be taken up.")]
Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp",
        metavar="COMMAND | URL",
        help="Lend the tools of an MCP server to the model's code; again for more. A quoted command, or an address.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; so does NO_COLOR in the environment.")]

T = TypeVar("T", Limits, Rates)
_RATES = {"rpm": "requests_per_minute", "tpm": "tokens_per_minute"}
_ENDLESS = frozenset({"calls", "tokens", "usd", "seconds", "requests_per_minute", "tokens_per_minute"})
_FRACTIONS = frozenset({"usd", "seconds"})
_SIZES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_AMOUNT = re.compile(r"(\d[\d_,]*(?:\.\d+)?|\.\d+)([kmg]?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Which model answers, under which limits: what the commands that ask have in common."""

    model: str
    sub_model: str | None = None
    fallbacks: tuple[str, ...] = ()
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    rates: Rates = field(default_factory=Rates)
    strategy: str = "auto"
    profile: str = "auto"
    sandbox: str | None = None
    journal: str | None = None
    journal_content: str = "full"
    fresh: bool = False
    strict: bool = False
    mcp: tuple[str, ...] = ()
    """MCP servers whose tools the model's code gets: commands and addresses."""


def limits(pairs: Sequence[str] | None, depth: int | None = None) -> Limits:
    """The limits of `--limit NAME=AMOUNT …` and `--depth`; raises ConfigError."""
    return _amended(Limits(), "--limit", pairs, {"depth": depth})


def rates(pairs: Sequence[str] | None, concurrency: int | None = None) -> Rates:
    """The rates of `--rate NAME=AMOUNT …` and `--concurrency`; raises ConfigError."""
    return _amended(Rates(), "--rate", pairs, {"concurrency": concurrency})


def key_of(name: str | None, api_base: str | None, environ: Mapping[str, str]) -> str | None:
    """The key in the environment variable of that name; raises ConfigError where it is not set.

    Without a name, an `api_base` gets `OPENAI_API_KEY`, as from every OpenAI client; other models find
    their providers' keys themselves.
    """
    if name is None:
        return None if api_base is None else environ.get(OPENAI) or None
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        # Perhaps the key itself: it is not repeated
        raise ConfigError("--api-key-env wants the name of an environment variable, not a key")
    if not environ.get(name):
        raise ConfigError(f"--api-key-env {name}: no such variable in the environment; export it first")
    return environ[name]


def schema_or_name(given: str | None) -> Mapping[str, object] | str | None:
    """The JSON Schema in a file; where there is no such file and it could be none, the name of a profile's schema."""
    if given is not None and re.fullmatch(r"[a-z][\w-]*", given) and not Path(given).exists():
        return given
    return schema_in(given)


def schema_in(path: str | None) -> Mapping[str, object] | None:
    """The JSON Schema in a file; raises ConfigError."""
    if path is None:
        return None
    try:
        schema = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the schema {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the schema {path} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ConfigError(f"the schema {path} is not a JSON object")
    return schema


def _amended(whole: T, option: str, pairs: Sequence[str] | None, direct: Mapping[str, int | None]) -> T:
    known = [item.name for item in fields(whole)]
    values: dict[str, float | None] = {name: value for name, value in direct.items() if value is not None}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        name = _RATES.get(name.strip(), name.strip())
        if not equals or name not in known:
            short = [alias for alias, long in _RATES.items() if long in known]
            raise ConfigError(f"{option} {pair!r}: write NAME=AMOUNT with one of {', '.join(short or known)}")
        if name in values:
            raise ConfigError(f"{option} {pair!r}: {name} is given twice")
        values[name] = _amount(option, pair, name, text.strip())
    return replace(whole, **values)  # type: ignore[arg-type]  # by name; RLM checks each


def _amount(option: str, pair: str, name: str, text: str) -> float | None:
    if text.lower() == "none" and name in _ENDLESS:
        return None
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ConfigError(f"{option} {pair!r}: {text!r} is not a number, such as 100, 1.5 or 500k")
    value = float(match[1].replace("_", "").replace(",", "")) * _SIZES[match[2].lower()]
    if name in _FRACTIONS:
        return value
    if value != int(value):
        raise ConfigError(f"{option} {pair!r}: {name} is counted in whole numbers")
    return int(value)
