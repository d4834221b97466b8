"""When what pays: measured rules by family of models and shape of question, in a small file that people can read.

The shipped file says of each rule where its figures come from. `rlm-async advise --fit` writes one from one's own runs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from rlm_async.errors import ConfigError

FORMAT = 1
AUTO = "auto"
"""The strategy that goes by rules; `auto:FILE` goes by those of a file."""
Shape = Literal["lookup", "survey"]
"""What a question asks for: one place of the input, or all of it."""

_SURVEY = re.compile(
    r"(?i)\b(how (many|often|frequent\w*)|count|in total|totals?|sums?|average|mean number|median|most|least|fewest|"
    r"majority|each|every|all (the|of|contracts|users|lines|documents|pairs)|list|pairs?|compar\w+|differences?|"
    r"(more|less) (common|frequent)|summar\w+|overview|trends?|themes?|rank\w*|both|any of|"
    r"which (\w+ )?(contracts|documents|users))\b"
)
_HEAD = (
    "# Rules of rlm-async: when `auto` reads directly, how deep it goes, what that costs. See docs/how-to/advise.md.\n"
    "# Of several that fit, the one with the longest family and then the one with a shape counts.\n"
)


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`: the tenth and the ninetieth percentile, where it was measured."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        """Both together."""
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Range:
        """So many of it."""
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a question costs: directly, and by code."""

    direct_share: Range = Range(1.0, 1.1)
    """Prompt tokens of a direct call, to one token of the input as it is estimated."""
    direct_written: Range = Range(50, 800)
    """Tokens of its reply."""
    root_calls: Range = Range(2, 6)
    root_tokens: Range = Range(7_000, 60_000)
    """Of all its calls together."""
    sub_calls: Range = Range(0.002, 0.1)
    """To a thousand tokens of the input."""
    sub_share: Range = Range(0.02, 1.2)
    """Tokens that sub-queries use, to one token of the input."""
    written: Range = Range(0.02, 0.15)
    """The part of the tokens that models wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for the models whose names hold `family`, and for questions of one shape; empty is any."""

    family: str = ""
    shape: str = ""
    direct_tokens: int = 16_000
    """An input of at most so many tokens is read in one call."""
    window_share: float = 0.25
    """And of at most this part of the window."""
    depth: int | None = None
    """Levels of sub-queries beyond which nothing was gained; None: not known, all that are allowed."""
    chunk_tokens: int = 12_000
    """Of the text in one sub-query."""
    costs: Costs = field(default_factory=Costs)
    measured: int = 0
    """Questions that the costs were taken from; 0: they are suppositions."""
    source: str = ""
    """Where the figures come from."""

    @property
    def name(self) -> str:
        """As it is told to people."""
        return f"{self.family or 'any model'}, {self.shape or 'any question'}"

    def fits(self, model: str, shape: Shape) -> bool:
        """Whether it holds for a model and a shape of question."""
        return self.family in model.lower() and self.shape in {"", shape}


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, and the name of the file they were read from."""

    rules: tuple[Rule, ...]
    source: str = "built in"

    def of(self, model: str, shape: Shape) -> Rule:
        """The rule for a model and a shape of question: the most particular of those that fit."""
        fitting = [rule for rule in self.rules if rule.fits(model, shape)]
        return max(fitting, key=lambda rule: (len(rule.family), bool(rule.shape)), default=Rule())

    def written(self) -> str:
        """The text of the file; `read_rules` gives an equal value for it."""
        return _HEAD + f"format = {FORMAT}\n" + "".join(map(_written, self.rules))


def shape_of(question: str) -> Shape:
    """The shape of a question, by its words alone."""
    return "survey" if _SURVEY.search(question) else "lookup"


@cache
def shipped() -> Rules:
    """The rules that come with the package."""
    text = files("rlm_async.strategies").joinpath("rules.toml").read_text("utf-8")
    return read_rules(text, "the rules that come with rlm-async")


def is_auto(strategy: str) -> bool:
    """Whether a strategy is `auto`, by whatever rules."""
    return strategy.partition(":")[0] == AUTO


def rules_of(strategy: str) -> Rules:
    """The rules that `auto` or `auto:FILE` goes by. Raises ConfigError."""
    path = strategy.partition(":")[2]
    return load_rules(Path(path)) if path else shipped()


def load_rules(path: Path) -> Rules:
    """The rules in a file; for families that it does not name, those that come with the package. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the rules {path}: {error}; write some with rlm-async advise --fit") from error
    found = read_rules(text, str(path))
    named = {rule.family for rule in found.rules}
    others = [rule for rule in shipped().rules if rule.family not in named]
    return Rules((*found.rules, *others), str(path))


def read_rules(text: str, source: str) -> Rules:
    """The rules of a text; raises ConfigError, which names `source` and the key at fault."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}") from error
    rows = table.get("rules")
    if table.get("format") != FORMAT or not isinstance(rows, list):
        raise ConfigError(f"{source}: no rules of format {FORMAT}; each stands below a line [[rules]]")
    return Rules(tuple(_rule(row, source) for row in rows), source)


def _rule(row: Mapping[str, object], source: str) -> Rule:
    known = {one.name: getattr(Rule(), one.name) for one in fields(Rule)}
    values: dict[str, object] = {}
    for key, value in row.items():
        if key == "costs":
            values[key] = _costs(value, source)
            continue
        wanted = (int,) if key == "depth" else (type(known.get(key)), int if key == "window_share" else str)
        if key not in known or not isinstance(value, wanted[0] if key in {"depth", "direct_tokens"} else wanted):
            raise ConfigError(f"{source}: a rule's {key} = {value!r:.60}; keys are {', '.join(known)}")
        values[key] = value
    rule = Rule(**values)  # type: ignore[arg-type]  # checked by name and type above
    if rule.shape not in {"", *get_args(Shape)}:
        raise ConfigError(f"{source}: shape {rule.shape!r} is none of {', '.join(get_args(Shape))}")
    return rule


def _costs(value: object, source: str) -> Costs:
    known = {one.name for one in fields(Costs)}
    if not isinstance(value, dict) or set(value) - known:
        raise ConfigError(f"{source}: costs is a table of {', '.join(sorted(known))}")
    ranges = {}
    for key, pair in value.items():
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, int | float) for one in pair):  # noqa: PLR2004 - low and high
            raise ConfigError(f"{source}: costs.{key} is [low, high], not {pair!r:.60}")
        ranges[key] = Range(float(pair[0]), float(pair[1]))
    return Costs(**ranges)


def _written(rule: Rule) -> str:
    lines = ["\n[[rules]]"]
    for one in fields(Rule):
        value = getattr(rule, one.name)
        if one.name != "costs" and value not in {None, ""}:
            quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f"{one.name} = " + (f'"{quoted}"' if isinstance(value, str) else repr(value)))
    lines.append("[rules.costs]")
    for one in fields(Costs):
        span: Range = getattr(rule.costs, one.name)
        lines.append(f"{one.name} = [{_figure(span.low)}, {_figure(span.high)}]")
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    """A number in three digits, or whole."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
