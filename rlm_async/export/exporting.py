"""One export, from journals to files: read, select, shape, split, write. Start here after `reading`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError
from rlm_async.export import formats, rewards, splitting
from rlm_async.export.card import Card
from rlm_async.export.formats import COMPARED, FORMATS, Row, Shaping
from rlm_async.export.reading import Reader, check
from rlm_async.export.samples import Sample, samples
from rlm_async.export.selection import Tally, Wanted
from rlm_async.export.splitting import Split
from rlm_async.export.tokens import opened, tokenized
from rlm_async.export.tree import Tree
from rlm_async.export.writing import Target
from rlm_async.journal import Journal, RunRecord
from rlm_async.ports import SandboxFactory
from rlm_async.sandbox.factory import Sandbox

TOKENS = "tokens"
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A run to be read; `asked` where it was named itself, so that it must not be passed over."""

    journal: Journal
    record: RunRecord
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export as it is wanted. `joined` None is the format's own way; `template` is a server's address and key."""

    form: str
    target: Target
    per: str = "node"
    joined: bool | None = None
    wanted: Wanted = field(default_factory=Wanted)
    shaping: Shaping = field(default_factory=lambda: Shaping(rewards.Weights()))
    scores: rewards.Scores = field(default_factory=lambda: rewards.Scores({}, {}))
    split: Split = field(default_factory=Split)
    template: tuple[str, str | None] | None = None
    inputs: Sequence[Context] = ()
    license: str = ""

    @property
    def joins(self) -> bool:
        """Whether a node's turns are joined."""
        return (self.form not in COMPARED or self.per == "tree") if self.joined is None else self.joined

    def check(self) -> None:
        """Raise ConfigError for what cannot be, before anything is read."""
        if self.form not in FORMATS:
            raise ConfigError(f"--format {self.form!r}: choose one of {', '.join(FORMATS)}")
        if self.per not in {"node", "tree"}:
            raise ConfigError(f"--per {self.per!r}: choose node or tree")
        if self.template is not None and (self.form, self.per) != ("sft", "node"):
            raise ConfigError("--tokens: tokens are for --format sft --per node; other readers cut the text themselves")
        self.target.check(whole=self.split.whole)


async def export(wanted: Export, runs: Sequence[Named], told: Told, sandbox: SandboxFactory | None = None) -> Card:
    """Export runs; the card tells what came of it. Raises ConfigError where nothing is left, or a named run cannot be.

    `told` hears a line for each run that is passed over. `sandbox` runs their code; default: the jailed one.
    """
    wanted.check()
    tally = Tally()
    trees = await _trees(wanted, runs, tally, (told, sandbox))
    every = [sample for tree in trees for node in tree.nodes for sample in samples(tree, node, joined=wanted.joins)]
    kept = tally.kept(wanted.wanted, every)
    if wanted.form not in COMPARED and wanted.per == "node":
        kept = tally.once(kept, wanted.shaping.weights)
    rows = await _rows(wanted, kept)
    if not rows:
        raise ConfigError(_nothing(wanted, tally, len(kept)))
    group = splitting.groups(trees, every)
    sizes = Counter(group[row.run] for row in rows)
    drawn = wanted.split.drawn(sizes)
    named = [part for part, share in zip(splitting.PARTS, wanted.split.shares, strict=True) if share]
    parts: dict[str, list[Row]] = {part: [row for row in rows if drawn[group[row.run]] == part] for part in named}
    counts = {
        part: {
            "rows": len(found),
            "runs": len({row.run for row in found}),
            "groups": len({group[row.run] for row in found}),
        }
        for part, found in parts.items()
    }
    full = {part: found for part, found in parts.items() if found}
    card = replace(_card(wanted, trees, kept, tally), counts=counts, files=wanted.target.files(full))
    wanted.target.write(full, card.written())
    return card


async def _trees(
    wanted: Export, runs: Sequence[Named], tally: Tally, means: tuple[Told, SandboxFactory | None]
) -> list[Tree]:
    told, sandbox = means
    trees: list[Tree] = []
    async with AsyncExitStack() as stack:
        reader: Reader | None = None
        for named in runs:
            record = named.record
            score = wanted.scores.of(record.run, record.item)
            bare = Tree(record=record, marks=(), nodes=(), same=True, score=score)
            if reason := wanted.wanted.refusal(bare):
                tally.runs[reason] += 1
                continue
            if reader is None:
                runner = await stack.enter_async_context(Sandbox()) if sandbox is None else sandbox
                reader = Reader(runner, wanted.inputs)
            try:
                check(record)
                tree = await reader.tree(named.journal, record)
            except ConfigError as error:
                if named.asked:
                    raise
                tally.runs["not enough in the journal"] += 1
                told(str(error))
                continue
            trees.append(replace(tree, score=score))
    return trees


async def _rows(wanted: Export, kept: Sequence[Sample]) -> list[Row]:
    if wanted.template is not None:
        return [row async for row in _token_rows(wanted, kept)]
    form = FORMATS[wanted.form]
    if wanted.per == "node":
        return list(form(kept, wanted.shaping))
    roots = {sample.tree.record.run: sample for sample in kept if not sample.node.path}  # of several parts the last
    if wanted.form in COMPARED:
        return list(form(list(roots.values()), wanted.shaping))
    rows = []
    for run, root in roots.items():
        (row,) = form([root], wanted.shaping)
        own = [sample for sample in kept if sample.tree.record.run == run]
        rows.append(formats.nested(row, root.tree, own, wanted.shaping.weights))
    return rows


async def _token_rows(wanted: Export, kept: Sequence[Sample]) -> AsyncIterator[Row]:
    address, key = wanted.template or ("", None)
    async with contextlib.AsyncExitStack() as stack:
        template = await stack.enter_async_context(opened(address, key))
        for sample in kept:
            for made in await tokenized(sample, template):
                if any(made.mask):
                    fields: formats.Fields = {
                        "input_ids": list(made.ids),
                        "assistant_masks": list(made.mask),
                        "info": {**formats.about(sample), "turns": made.turns[1] - made.turns[0]},
                        "rewards": rewards.told(sample.tree, sample.node, wanted.shaping.weights),
                    }
                    yield Row(sample.tree.record.run, fields, {})


def _card(wanted: Export, trees: Sequence[Tree], kept: Sequence[Sample], tally: Tally) -> Card:
    split = wanted.split
    shares = "/".join(f"{share:g}" for share in split.shares)
    return Card(
        form=TOKENS if wanted.template is not None else wanted.form,
        per=wanted.per,
        joined=wanted.joins,
        files={},
        counts={},
        models=Counter(sample.model for sample in kept),
        statuses=Counter(tree.record.status for tree in trees),
        filters=str(wanted.wanted),
        reward=f"{wanted.shaping.weights} (of the run; null where a part of it is unknown)",
        split="none"
        if split.whole
        else f"{shares} of the rows, seed {split.seed}, by groups of runs that share an input, a document or a prompt.",
        left_out={
            **{f"runs, {reason}": count for reason, count in tally.runs.items()},
            **{f"samples, {reason}": count for reason, count in tally.samples.items()},
        },
        strayed=sum(not tree.same for tree in trees),
        license=wanted.license,
        versions=sorted({tree.record.version for tree in trees}),
    )


def _nothing(wanted: Export, tally: Tally, kept: int) -> str:
    reasons = [f"{reason} {count}" for counts in (tally.runs, tally.samples) for reason, count in counts.items()]
    left = f" (left out: {', '.join(reasons)})" if reasons else ""
    if kept and wanted.form in COMPARED:
        return (
            f"{kept} samples, but no answers to one prompt to compare: {wanted.form} needs scores (--scores, or rows "
            f"of `bench run`) and, for pairs, questions that were asked more than once{left}"
        )
    return f"nothing is left to write{left}"
