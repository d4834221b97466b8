"""A lazy value behaves as its value in every ordinary operation, and costs nothing where none is about."""

from __future__ import annotations

import gc

import pytest

from rlm_async.sandbox.policy import Handle, PolicyError

PRELUDE = """
import json, re, math, csv, io, textwrap, statistics, copy, itertools, functools, collections, random, difflib, base64
from dataclasses import dataclass, asdict
def text(): return {make}('yes, 42')
def number(): return {make}(7)
def items(): return {make}(['b', 'a'])
def table(): return {make}({{'a': 1, 'b': 'x'}})
def nothing(): return {make}(None)
def flag(): return {make}(True)
"""

OPERATIONS = {
    "==": "text() == 'yes, 42', 'yes, 42' == text(), text() == text()",
    "!=": "text() != 'yes, 42', 'no' != text()",
    "<": "text() < 'z', 'a' < text(), number() <= 7, 3 > number(), number() >= 8",
    "chained comparison": "1 < number() < 10",
    "+": "text() + '!', '>' + text(), text() + text(), number() + 1, 1 + number(), items() + ['c'], ['c'] + items()",
    "-": "number() - 1, 10 - number()",
    "*": "text() * 2, 2 * text(), number() * 3, items() * 2",
    "/ // %": "number() / 2, number() // 2, number() % 4, 15 % number(), divmod(number(), 2)",
    "**": "number() ** 2, 2 ** number(), pow(number(), 2)",
    "<< >> & | ^": "number() << 1, 1 << number(), number() >> 1, number() & 3, 8 | number(), number() ^ 1",
    "unary": "-number(), +number(), ~number(), not text(), not nothing(), abs(number())",
    "truth": "bool(text()), 'a' if text() else 'b', 'a' if nothing() else 'b', text() and 1, (nothing() or 2)",
    "is": "nothing() is None, text() is None, flag() is True, None is nothing(), text() is not None",
    "in": "'42' in text(), text() in 'oh yes, 42!', 'a' in items(), text() in ['yes, 42'], text() in {'yes, 42': 1}, 'a' in table()",
    "not in": "'no' not in text(), text() not in 'abc'",
    "f-string": "f'{text()}|{text()!r}|{text():>10}|{number():03d}|{number()!s:>3}|{text()!a}'",
    "f-string with a lazy width": "f'{1:{number()}}'",
    "percent": "'%s|%r' % (text(), text()), '%s' % text(), '%d' % number(), '%(a)s' % table()",
    "str.format": "'{}|{!r}|{:>9}|{x}|{0[0]}'.format(text(), text(), number(), x=text()) if False else '{}|{:>9}|{x}'.format(text(), number(), x=text())",
    "str.format of items": "'{0[0]}{1[a]}'.format(items(), table())",
    "a lazy template": "lz('{} and {}').format(1, text())",
    "str and repr": "str(text()), repr(text()), format(text(), '>9'), ascii(text()), str([text()]), repr({'a': text()})",
    "int and float": "int(lz('12')), float(lz('1.5')), int(number()), float(number()), round(lz(2.567), 1), complex(number())",
    "len": "len(text()), len(items()), len(table()), len([text()])",
    "index and slice": "text()[0], text()[-2:], items()[1], table()['a'], [1, 2, 3, 4, 5, 6, 7, 8][number()], 'abcdefgh'[number():], {'yes, 42': 5}[text()]",
    "iteration": "[c for c in text()][:3], [x for x in items()], list(text())[:2], list(items()), [k for k in table()], sorted(items()), list(enumerate(items()))",
    "unpacking": "unpack(items())",
    "star": "[*items(), 'z'], max(*items()), {**table(), 'z': 1}, dict(**table())",
    "methods": "text().upper(), text().split(', '), text().startswith('yes'), text().strip().lower().replace('yes', 'no'), table().get('a'), list(table().items())",
    "methods of plain text": "'yes, 42!'.startswith(text()), 'a-b'.replace('-', text()), 'x'.join(items()), ', '.join([text(), 'b']), ''.join(t for t in [text()]), 'a'.ljust(number(), '.')",
    "join of other containers": "','.join((text(), 'a')), ','.join({'k': text()}.values()), ','.join(map(str.upper, [text()])), ','.join(sorted({text()}))",
    "isinstance": "isinstance(text(), str), isinstance(text(), (int, list)), isinstance(table(), dict), type(text()) is str, type(number()).__name__, callable(text())",
    "dict keys and sets": "{text(): 1}, {text()}, list({text(): 1})[0], len({text(), 'yes, 42'}), {text(): 1}.get('yes, 42'), {k: v for k, v in [(text(), 1)]}",
    "counting": "collections.Counter([text(), 'yes, 42']).most_common(1), [text(), 1].count('yes, 42'), [text()].index('yes, 42'), set([text()]) == {'yes, 42'}",
    "aggregates": "sum([number(), 1]), max([number(), 1]), min(number(), 9), any([nothing(), flag()]), all([text()]), max([text(), 'a'], key=len)",
    "sorting": "sorted([text(), 'a']), sorted([text(), 'a'], key=str.upper), sorted([(text(), 1), ('a', 2)]), sorted([text(), 'abc'], key=lambda t: len(t))",
    "json": "json.dumps({'a': text(), 'b': [number(), (text(),)]}), json.loads(lz('[1, 2]')), json.dumps(text()), json.dumps([text()], indent=1)",
    "re": "re.findall(r'\\d+', text()), bool(re.search('yes', text())), re.sub(text(), 'x', 'yes, 42!'), re.split(', ', text()), re.compile(lz('y')).match(text()).group(), re.sub('y', lz('z'), text())",
    "map and filter": "list(map(len, [text(), 'a'])), list(map(str.upper, [text()])), list(filter(lambda t: 'yes' in t, [text(), 'no'])), list(zip([text()], [number()]))[0][0]",
    "functions of ours": "double(text()), (lambda t: t.upper())(text()), functools.reduce(lambda a, b: a + b, [text(), 'x'])",
    "data classes": "asdict(Point(text(), number())), Point(text(), 1) == Point('yes, 42', 1), repr(Point(text(), number()))",
    "modules": "statistics.mean([number(), 9]), math.sqrt(lz(49)), textwrap.shorten(text(), 100), copy.deepcopy([text()]), list(itertools.chain([text()], items())), difflib.get_close_matches('yes, 43', [text()]), base64.b64encode(text().encode())",
    "csv": "written([text(), number()])",
    "augmented": "grown(text(), number())",
    "containers that change": "changed()",
    "match": "matched(text()), matched(number()), matched(items()), matched(table()), matched(nothing())",
    "getattr": "getattr(text(), 'upper')(), hasattr(text(), 'upper'), hasattr(number(), 'upper')",
    "conversion of containers": "list(items()), tuple(items()), set(items()) == {'a', 'b'}, dict(table()), dict([(text(), 1)]), list(reversed(items()))",
    "ranges": "list(range(number()))[-1], [0] * number(), 'ab'[lz(0)]",
    "print": "say(text(), [text()], number())",
    "comparison of containers": "[text()] == ['yes, 42'], (text(), 1) < ('z', 0), {'a': text()} == {'a': 'yes, 42'}, [text()] + ['a'] == ['yes, 42', 'a']",
    "assignment into a lazy value": "stored()",
    "deletion from a lazy value": "deleted()",
    "next and iter": "next(iter(items())), next(iter([text()])), list(iter(text()))[0]",
    "with as default": "{}.get('x', text()), getattr(Point(1, 2), 'zzz', text())",
    "hash": "hash(text()) == hash('yes, 42')",
    "ternary chain": "[t for t in [text(), nothing()] if t]",
    "nested lazy": "[[text()], {'a': [text()]}, (text(), [number()])] == [['yes, 42'], {'a': ['yes, 42']}, ('yes, 42', [7])]",
}

HELPERS = """
lz = {make}
def double(t): return t + t
def unpack(v):
    a, b = v
    [c, *d] = v
    (e, f), g = v, 1
    return a, b, c, d, e, f
@dataclass
class Point:
    x: object
    y: object
def written(row):
    out = io.StringIO()
    csv.writer(out).writerow(row)
    out.write({make}('end'))
    print(row[0], file=out)
    return out.getvalue()
def grown(t, n):
    s = 'a'
    s += t
    k = 1
    k += n
    k *= n
    k -= n
    n += 1
    t += '!'
    l = [1]
    m = l
    l += {make}([2])
    d = {{'x': 1}}
    d['x'] += {make}(2)
    d['x'] *= {make}(2)
    z = 3
    z **= {make}(2)
    z %= {make}(5)
    u = {{1}}
    v = u
    u |= {make}({{2}})
    return s, k, n, t, l is m, l, d, z, v
def changed():
    l = [{make}('b'), 'a']
    l.append({make}('c'))
    l.insert({make}(0), {make}('z'))
    l.extend({make}(['q']))
    l.remove('a')
    l.sort()
    d = {{}}
    d[{make}('k')] = {make}('v')
    d.setdefault({make}('s'), []).append({make}(1))
    d.update({make}({{'u': 1}}))
    s = set()
    s.add({make}('e'))
    q = collections.deque([{make}(1)])
    q.append({make}(2))
    dd = collections.defaultdict(int)
    dd[{make}('n')] += {make}(3)
    return ','.join(l), json.dumps(d), sorted(s), sum(q), dict(dd), l.pop(), 'k' in d
def matched(v):
    match v:
        case str() as s: return 'text ' + s
        case int(): return 'number'
        case [x, *rest]: return ('items', x, rest)
        case {{'a': a, **rest}}: return ('table', a, rest)
        case None: return 'none'
def say(*values):
    out = io.StringIO()
    print(*values, sep={make}('-'), end='', file=out)
    return out.getvalue()
def stored():
    t = {make}({{'a': 1}})
    t['b'] = {make}(2)
    l = {make}([1, 2])
    l[{make}(0)] = 5
    l[1:] = {make}([7, 8])
    return t, l, sorted(t)
def deleted():
    t = {make}({{'a': 1, 'b': 2}})
    del t[{make}('a')]
    return t
"""


@pytest.fixture
def lazy_repl(repl):
    repl.run(PRELUDE.format(make="lazy") + HELPERS.format(make="lazy"))
    return repl


def plainly(repl, source):
    """The same program with plain values."""
    repl.run("def plain(value): return value\n" + PRELUDE.format(make="plain") + HELPERS.format(make="plain"))
    return repl.run(source)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_gives_with_a_lazy_value_what_it_gives_with_a_plain_one(name, lazy_repl):
    lazily = lazy_repl.run(f"repr([{OPERATIONS[name]}])")
    plain = plainly(lazy_repl, f"repr([{OPERATIONS[name]}])")
    assert lazily == plain
    assert lazy_repl.calls, "the operation has made no lazy value"


def test_making_keeping_and_passing_on_waits_for_nothing(repl):
    repl.run(
        "out = []\nd = {}\n"
        "def keep(v): return v\n"
        "for i in range(3):\n    r = lazy('x')\n    out.append(r)\n    d[i] = keep(r)\n"
        "pairs = list(zip([1, 2, 3], out))\nfirst, *rest = out\nboth = [*out]\nt = (r, r)\n"
        "named = dict(a=r)\nn = len(out)\nagain = [v for v in out]\nlast = out[-1]\nout.extend(both)\nis_list = isinstance(out, list)"
    )
    assert [call.asked for call in repl.calls] == [0, 0, 0]


def test_a_failed_call_raises_where_its_value_is_needed(repl):
    repl.names["r"] = _failing()
    with pytest.raises(PolicyError, match="bad call"):
        repl.run("x = 1\nr + 'a'")
    assert repl.names["x"] == 1


class _Failing:
    def result(self):
        raise PolicyError("bad call")


def _failing():
    return Handle(_Failing())


def test_await_on_a_lazy_value_keeps_it_lazy(repl):
    repl.run("x = await lazy('v')")
    assert repl.calls[0].asked == 0
    assert repl.run("x.upper()") == "V"


def test_no_handle_is_left_alive_by_the_guards(repl):
    gc.collect()
    before = Handle.live
    repl.run("r = lazy('x')\ns = r + 'y'\nt = json_like = [r, {'a': r}]\nu = str(t)")
    repl.run("del r, s, t, u, json_like")
    repl.calls.clear()
    gc.collect()
    assert Handle.live == before
