# Classes, dataclasses, enums, match

# %% dataclass
from dataclasses import dataclass, field


@dataclass
class Report:
    title: str
    date: str
    tags: list = field(default_factory=list)
    total: float = 0.0


r = Report("R1", "2024-01-15")
r.tags.append("open")
print(r)
print(r == Report("R1", "2024-01-15", ["open"]))

# %% frozen and ordered dataclass
from dataclasses import dataclass, asdict, replace


@dataclass(frozen=True, order=True)
class P:
    x: int
    y: int = 0


a, b = P(1, 2), P(1)
print(sorted([a, b]), asdict(a), replace(a, y=9), a in {a, b})
try:
    a.x = 5
except Exception as e:
    print(type(e).__name__)

# %% post init
from dataclasses import dataclass


@dataclass
class Span:
    start: int
    end: int

    def __post_init__(self):
        if self.end < self.start:
            raise ValueError(f"bad span {self.start}-{self.end}")

    @property
    def length(self):
        return self.end - self.start


print(Span(2, 7).length)
try:
    Span(3, 1)
except ValueError as e:
    print(e)


# %% plain class
class Stack:
    def __init__(self):
        self._items = []

    def push(self, x):
        self._items.append(x)
        return self

    def pop(self):
        return self._items.pop()

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return f"Stack({self._items})"

    def __iter__(self):
        return iter(self._items)


s = Stack().push(1).push(2).push(3)
print(s, len(s), s.pop(), list(s), bool(Stack()))


# %% inheritance
class Animal:
    sound = "..."

    def __init__(self, name):
        self.name = name

    def speak(self):
        return f"{self.name} says {self.sound}"


class Dog(Animal):
    sound = "woof"

    def __init__(self, name, age):
        super().__init__(name)
        self.age = age

    def speak(self):
        return super().speak() + "!"


d = Dog("Rex", 3)
print(d.speak(), isinstance(d, Animal), issubclass(Dog, Animal), type(d).__name__)


# %% class and static methods
class Temp:
    count = 0

    def __init__(self, c):
        self.c = c
        Temp.count += 1

    @classmethod
    def from_f(cls, f):
        return cls((f - 32) * 5 / 9)

    @staticmethod
    def valid(c):
        return c > -273.15

    @property
    def f(self):
        return self.c * 9 / 5 + 32

    @f.setter
    def f(self, value):
        self.c = (value - 32) * 5 / 9


t = Temp.from_f(212)
print(t.c, t.f, Temp.valid(-300), Temp.count)
t.f = 32
print(t.c)


# %% operators
class V:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, o):
        return V(self.x + o.x, self.y + o.y)

    def __mul__(self, k):
        return V(self.x * k, self.y * k)

    def __eq__(self, o):
        return (self.x, self.y) == (o.x, o.y)

    def __getitem__(self, i):
        return (self.x, self.y)[i]

    def __str__(self):
        return f"<{self.x},{self.y}>"


print(V(1, 2) + V(3, 4), V(1, 2) * 3, V(1, 1) == V(1, 1), V(5, 6)[1])


# %% callable, contains, context manager
class Tally:
    def __init__(self):
        self.n = {}

    def __call__(self, k):
        self.n[k] = self.n.get(k, 0) + 1
        return self

    def __contains__(self, k):
        return k in self.n

    def __enter__(self):
        print("enter")
        return self

    def __exit__(self, *exc):
        print("exit", exc[0].__name__ if exc[0] else None)
        return True


with Tally() as t:
    t("a")("a")("b")
    print(t.n, "a" in t)
    1 / 0
print("after")

# %% enum
from enum import Enum


class Level(Enum):
    LOW = 1
    HIGH = 2


print(Level.LOW, Level.HIGH.value, Level.LOW.name, [l.name for l in Level], Level(2) is Level.HIGH)

# %% namedtuple
from collections import namedtuple

Row = namedtuple("Row", ["id", "name", "score"])
rows = [Row(*l.split(",")[:3]) for l in context[context.index("1,Ann") :].strip().splitlines()]
print(rows[0], rows[1].name, rows[2]._replace(score="0").score)
print(max(rows, key=lambda r: int(r.score)).name)

# %% typed namedtuple
from typing import NamedTuple


class Pt(NamedTuple):
    x: int
    y: int = 0


p = Pt(3)
print(p, p.x + p.y, p == (3, 0))


# %% match on values and types
def kind(v):
    match v:
        case None:
            return "none"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str() if len(v) > 3:
            return "long text"
        case str():
            return "text"
        case [] | {}:
            return "empty-ish"
        case [x]:
            return f"one {x}"
        case [x, *rest]:
            return f"{x} and {len(rest)} more"
        case {"type": t, **more}:
            return f"dict {t} {sorted(more)}"
        case _:
            return "other"


for v in [None, True, 3, 2.5, "abcd", "a", [], [1], [1, 2, 3], {"type": "x", "k": 1}, {1}]:
    print(kind(v))

# %% match on commands
for cmd in ["go north", "quit", "take red key", "??"]:
    match cmd.split():
        case ["go", direction]:
            print("going", direction)
        case ["quit" | "exit"]:
            print("bye")
        case ["take", *things]:
            print("taking", " ".join(things))
        case _:
            print("unknown")

# %% abstract base
from abc import ABC, abstractmethod


class Shape(ABC):
    @abstractmethod
    def area(self): ...


class Sq(Shape):
    def __init__(self, s):
        self.s = s

    def area(self):
        return self.s**2


print(Sq(3).area())


# %% class that collects answers
class Analyzer:
    def __init__(self, text):
        self.text = text
        self.results = {}

    def ask(self, q):
        if q not in self.results:
            self.results[q] = llm_query(f"{q}\n\n{self.text[:50]}")
        return self.results[q]


a = Analyzer(context)
print(a.ask("Who is the author?"))
print(a.ask("Who is the author?") == a.ask("Who is the author?"), len(a.results))


# %% instances in collections
class Node:
    def __init__(self, v, kids=None):
        self.v = v
        self.kids = kids or []

    def walk(self, depth=0):
        yield depth, self.v
        for k in self.kids:
            yield from k.walk(depth + 1)


tree = Node("root", [Node("a", [Node("b")]), Node("c")])
for depth, v in tree.walk():
    print("  " * depth + v)


# %% hasattr getattr setattr
class C:
    pass


c = C()
setattr(c, "n", 1)
c.m = 2
print(hasattr(c, "n"), getattr(c, "zz", "default"), c.n + c.m, sorted(vars(c)))


# %% custom exception
class ParseError(Exception):
    def __init__(self, line, why):
        super().__init__(f"line {line}: {why}")
        self.line = line


try:
    raise ParseError(3, "no colon")
except ParseError as e:
    print(e, e.line, e.args)
