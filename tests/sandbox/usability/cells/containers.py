# Lists, dicts, sets, comprehensions, and everyday idioms

# %% list methods
xs = [3, 1, 2]
xs.append(4)
xs.extend([5, 6])
xs.insert(0, 9)
print(xs, xs.pop(), xs.pop(0), xs.index(2), xs.count(1))
xs.remove(3)
xs.reverse()
print(xs, sorted(xs), list(reversed(xs)), xs.copy() == xs)
xs.clear()
print(xs, not xs)

# %% slice assignment and del
xs = list(range(8))
xs[2:4] = ["a"]
del xs[0]
xs[-1] = "z"
xs[1:1] = [0.5]
print(xs)
del xs[1:3]
print(xs)

# %% nested lists
grid = [[0] * 3 for _ in range(2)]
grid[1][2] += 5
grid[0][0] = "x"
for row in grid:
    print(" ".join(str(c) for c in row))
print([c for row in grid for c in row])

# %% dict methods
d = {"a": 1}
d["b"] = 2
d.update(c=3)
print(d, list(d), d.get("z"), d.pop("a"), "b" in d, len(d), d.setdefault("q", []), sorted(d.items(), key=str))
print({v: k for k, v in {"x": 1, "y": 2}.items()}, dict([("m", 1)]), d.popitem()[0])
for k, v in list(d.items()):
    if k == "b":
        del d[k]
print(d | {"n": 0})

# %% nested dict updates
stats = {}
for user, action in [("anna", "login"), ("ben", "upload"), ("anna", "logout")]:
    stats.setdefault(user, {"n": 0, "actions": set()})
    stats[user]["n"] += 1
    stats[user]["actions"].add(action)
print({u: (s["n"], sorted(s["actions"])) for u, s in stats.items()})

# %% comprehensions
print([x * y for x in range(3) for y in range(3) if x != y])
print({w: len(w) for w in "the quick fox".split()}, {len(w) for w in ("a", "bb", "cc")})
print([("even" if n % 2 == 0 else "odd") for n in range(3)], sum(n for n in range(10) if n % 3 == 0))
print([[j for j in range(i)] for i in range(3)], any(c.isdigit() for c in "ab1"))

# %% tuples
t = (1, "a", [2])
t[2].append(3)
print(t, t + (4,), t[0:2], (1,) * 3, (1, 2) < (1, 3), len(t), "a" in t, hash((1, 2)) == hash((1, 2)))
x, (y, z) = 1, (2, 3)
print(x, y, z)

# %% augmented assignment everywhere
n = 5
n += 1
n -= 2
n *= 3
n //= 2
n **= 2
n %= 7
s = "a"
s += "b"
l = [1]
l += [2]
d = {"k": 1}
d["k"] += 10


class O:
    v = 1


o = O()
o.v += 4
print(n, s, l, d, o.v)

# %% deque and ordered dict
from collections import deque, OrderedDict

q = deque([1, 2, 3], maxlen=3)
q.append(4)
q.appendleft(0)
print(list(q), q[0], q.popleft(), len(q))
od = OrderedDict(a=1, b=2)
od.move_to_end("a")
print(list(od.items()))

# %% while and loop control
i, evens = 0, []
while True:
    i += 1
    if i % 2:
        continue
    if i > 8:
        break
    evens.append(i)
print(evens)
for i in range(3):
    pass
else:
    print("loop done", i)

# %% copy and identity
import copy

a = [1, [2, 3]]
b, c = a, copy.deepcopy(a)
d = a[:]
a[1].append(4)
print(b is a, c, d, a == b, a is not c)

# %% conditional expressions and truthiness
for v in [0, "", None, [], {}, "x", [0]]:
    print("truthy" if v else "falsy", end=" ")
print()
x = None
print(x is None, x or "d", (x if x is not None else "fallback"))

# %% chained methods and unpacking in calls
text = "  The  Quick   brown "
print(" ".join(text.split()).lower().replace("quick", "slow").title())
print(*sorted(set("banana")), sep="")
print(max(*[1, 5, 3]), dict(**{"a": 1}, b=2))

# %% bfs on a graph
graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
from collections import deque

seen, queue, order = {"a"}, deque(["a"]), []
while queue:
    n = queue.popleft()
    order.append(n)
    for m in graph[n]:
        if m not in seen:
            seen.add(m)
            queue.append(m)
print(order)

# %% sieve and matrix
n = 30
sieve = [True] * (n + 1)
for p in range(2, int(n**0.5) + 1):
    if sieve[p]:
        sieve[p * p :: p] = [False] * len(sieve[p * p :: p])
print([i for i in range(2, n + 1) if sieve[i]])
a, b = [[1, 2], [3, 4]], [[0, 1], [1, 0]]
print([[sum(x * y for x, y in zip(r, c)) for c in zip(*b)] for r in a])

# %% underscore names
_private = 3
__, second = (1, 2)
for _ in range(2):
    _private += 1
print(_private, second)

# %% type checks and conversions
print(
    int("3"),
    float("2.5"),
    str(4),
    bool(""),
    list("ab"),
    tuple([1]),
    set([1, 1]),
    dict(a=1),
    isinstance(True, int),
    type(3.0) == float,
)
print(callable(len), [type(v).__name__ for v in (1, "a", None, [], {}, (), {1}, 1.0, b"")])

# %% string builder with io
import io

buf = io.StringIO()
for i in range(3):
    buf.write(f"line {i}\n")
print(buf.getvalue().strip().splitlines())
print("to buffer", file=buf)
print(len(buf.getvalue()))

# %% typing imports
from typing import Any, Dict, List, Optional, Tuple, Union, Callable


def f(x: Optional[int] = None, ys: List[Dict[str, Any]] = []) -> Union[int, str]:
    return x if x is not None else "none"


pair: Tuple[int, str] = (1, "a")
print(f(), f(3), pair)

# %% range and enumerate tricks
print(
    list(range(10, 0, -3)),
    len(range(0, 100, 7)),
    5 in range(10),
    list(enumerate("ab", 1)),
    range(5)[-1],
    sum(range(101)),
)

# %% last expression echoes
data = {"rows": [1, 2, 3], "name": "x"}
data

# %% string echo
"a" * 3 + "\n" + "it's"

# %% nothing echoes for none
print("only this")
data = None
data

# %% echo of several types
(1, 2.0, "three", [4], {"five": 5}, {6}, None, True)

# %% logging style progress
items = list(range(7))
for i, item in enumerate(items):
    if i % 3 == 0:
        print(f"Processing {i}/{len(items)}... ({100 * i / len(items):.0f}%)")
print("Done.")
