# Functions, closures, generators, decorators

# %% defaults and keywords
def f(a, b=2, *args, c=3, **kw):
    return a, b, args, c, kw


print(f(1), f(1, 5, 6, 7, c=8, d=9))
print(f(*[1, 2, 3], **{"c": 4, "z": 5}))


# %% closure counter
def make_counter():
    count = 0

    def inc(by=1):
        nonlocal count
        count += by
        return count

    return inc


c = make_counter()
c()
c(5)
print(c())

# %% closures in a loop
fs = [lambda x, i=i: x + i for i in range(3)]
print([f(10) for f in fs])

# %% global
total = 0


def add(n):
    global total
    total += n


for i in range(4):
    add(i)
print(total)


# %% recursion
def flatten(x):
    for item in x:
        if isinstance(item, (list, tuple)):
            yield from flatten(item)
        else:
            yield item


print(list(flatten([1, [2, (3, [4])], 5])))

# %% fibonacci with cache
from functools import lru_cache


@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


print(fib(50))


# %% decorator
def logged(fn):
    def wrapper(*args, **kwargs):
        print("call", args, kwargs)
        result = fn(*args, **kwargs)
        print("->", result)
        return result

    return wrapper


@logged
def mul(a, b=2):
    return a * b


mul(3)
mul(3, b=5)


# %% decorator with argument
def repeat(n):
    def deco(fn):
        def inner(x):
            for _ in range(n):
                x = fn(x)
            return x

        return inner

    return deco


@repeat(3)
def double(x):
    return x * 2


double(1)


# %% generator pipeline
def read(text):
    for line in text.splitlines():
        yield line


def only(lines, word):
    return (l for l in lines if word in l)


def upper(lines):
    for l in lines:
        yield l.upper()


for l in upper(only(read(context), "ERROR")):
    print(l)


# %% generator with send and next
def averager():
    total, n, avg = 0, 0, None
    while True:
        x = yield avg
        total += x
        n += 1
        avg = total / n


g = averager()
next(g)
print(g.send(10), g.send(20))
g.close()
print(next(iter([]), "empty"))

# %% itertools
from itertools import (
    chain,
    combinations,
    permutations,
    product,
    islice,
    takewhile,
    dropwhile,
    zip_longest,
    count,
    cycle,
    repeat,
)

print(list(chain([1], [2, 3])), list(combinations("abc", 2)), list(product("ab", repeat=2))[:3])
print(
    list(islice(count(5), 3)),
    list(takewhile(lambda x: x < 3, [1, 2, 3, 1])),
    list(dropwhile(lambda x: x < 3, [1, 2, 3, 1])),
)
print(
    list(zip_longest("ab", "c", fillvalue="-")),
    list(islice(cycle("xy"), 5)),
    list(repeat(7, 2)),
    len(list(permutations(range(4)))),
)

# %% functools
from functools import reduce, partial, cmp_to_key

print(reduce(lambda a, b: a * b, [1, 2, 3, 4]), partial(int, base=2)("101"))
print(sorted([3, 1, 2], key=cmp_to_key(lambda a, b: b - a)))

# %% map filter lambda
print(list(map(lambda x: x**2, filter(lambda x: x % 2, range(6)))))
print(list(map(str.upper, "ab")), list(filter(None, [0, 1, "", "a"])), list(map(int, "1 2 3".split())))

# %% star unpacking
first, *middle, last = [1, 2, 3, 4, 5]
print(first, middle, last)
(a, b), c = (1, 2), 3
print(a, b, c, [*range(2), *"ab"], {**{"x": 1}, "y": 2})
a, b = b, a
print(a, b)

# %% walrus
data = [3, 8, 1, 9]
if (n := len(data)) > 3:
    print("long", n)
print([y for x in data if (y := x * 2) > 5])


# %% docstrings, annotations, main guard
def area(w: float, h: float = 1.0) -> float:
    """Area of a rectangle."""
    return w * h


x: int = 3
if __name__ == "__main__":
    print(area(x, 2), area.__name__)


# %% helper that asks
def classify(text: str) -> str:
    reply = llm_query(f"Answer yes or no: does this mention money? {text}")
    return "yes" if "yes" in reply.lower() else "no"


print([classify(p) for p in context.split("\n\n")[:4]])


# %% positional only and keyword only
def f(a, /, b, *, c):
    return a + b + c


print(f(1, b=2, c=3))
try:
    f(1, 2, 3)
except TypeError as e:
    print("TypeError")


# %% sort with tuple key and nested function
def key(row):
    def norm(s):
        return s.strip().lower()

    return (len(row), norm(row))


print(sorted([" B", "a", "Cc ", "aa"], key=key))

# %% memo dict and early return
memo = {}


def ways(n):
    if n <= 1:
        return 1
    if n in memo:
        return memo[n]
    memo[n] = ways(n - 1) + ways(n - 2)
    return memo[n]


print(ways(30))
