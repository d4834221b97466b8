# Counting, grouping, sorting, joining

# %% counter of levels
from collections import Counter
import re

levels = Counter(re.findall(r"\] (\w+)", context))
print(levels)
print(levels["ERROR"], levels["absent"])
for level, n in levels.most_common():
    print(level, n)

# %% counter arithmetic
from collections import Counter

a, b = Counter("aabbc"), Counter("abd")
print(a + b, a - b, a & b, a | b)
a.update("zz")
print(a.total(), sorted(a.elements()))

# %% defaultdict of list
from collections import defaultdict

# the trailing table, grouped by city
rows = [l.split(",") for l in context[context.index("1,Ann") :].strip().splitlines()]
by_city = defaultdict(list)
for _id, name, score, city in rows:
    by_city[city].append(name)
print(dict(by_city))
print({k: len(v) for k, v in by_city.items()})

# %% defaultdict of int
from collections import defaultdict

counts = defaultdict(int)
for ch in "mississippi":
    counts[ch] += 1
print(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))

# %% dict get counting
freq = {}
for w in context.lower().split():
    w = w.strip(".,:")
    freq[w] = freq.get(w, 0) + 1
top = sorted(freq.items(), key=lambda x: x[1], reverse=True)[:3]
print(top[0][1] >= top[1][1], len(freq))

# %% setdefault
index = {}
for i, line in enumerate(context.splitlines()):
    if ":" in line:
        index.setdefault(line.split(":")[0], []).append(i)
print(index["Date"], index["Status"])

# %% groupby
from itertools import groupby

data = sorted(["apple", "avocado", "banana", "blueberry", "cherry"], key=lambda w: w[0])
for letter, words in groupby(data, key=lambda w: w[0]):
    print(letter, list(words))

# %% sort by several keys
rows = [("b", 2), ("a", 2), ("c", 3)]
print(sorted(rows, key=lambda r: (-r[1], r[0])))
rows.sort(key=lambda r: r[0], reverse=True)
print(rows)

# %% itemgetter
from operator import itemgetter

people = [{"n": "x", "a": 3}, {"n": "y", "a": 1}]
print(sorted(people, key=itemgetter("a")))
print(list(map(itemgetter("n"), people)))

# %% join of two tables
left = {1: "Ann", 2: "Ben", 3: "Cleo"}
right = {2: 50, 3: 70, 4: 90}
print({k: (left[k], right[k]) for k in left.keys() & right.keys()})
print(sorted(left.keys() - right.keys()), sorted(left.keys() | right.keys()))

# %% set operations
a = {"x", "y", "z"}
b = set("xyq")
print(sorted(a & b), sorted(a | b), sorted(a - b), sorted(a ^ b), {"x"} <= a)
a.add("w")
a.discard("x")
a |= {"v"}
print(sorted(a))

# %% min max sum any all
nums = [3, 1, 4, 1, 5, 9, 2, 6]
print(min(nums), max(nums), sum(nums), any(n > 8 for n in nums), all(n > 0 for n in nums))
print(max(nums, key=lambda n: -n), max([], default=None), sum([[1], [2]], []))

# %% unique in order
seen, unique = set(), []
for user in ["anna", "ben", "anna", "cleo", "ben"]:
    if user not in seen:
        seen.add(user)
        unique.append(user)
print(unique, list(dict.fromkeys("abracadabra")))

# %% statistics
import statistics

scores = [90, 72, 85, 64, 90]
print(statistics.mean(scores), statistics.median(scores), statistics.mode(scores), round(statistics.stdev(scores), 3))

# %% heapq and bisect
import heapq, bisect

print(heapq.nlargest(2, [5, 1, 8, 3]), heapq.nsmallest(2, [5, 1, 8, 3], key=lambda v: v))
h = []
for v in [5, 1, 8]:
    heapq.heappush(h, v)
print(heapq.heappop(h), bisect.bisect_left([1, 3, 5], 3))

# %% pivot
from collections import defaultdict

sales = [("n", "q1", 5), ("n", "q2", 7), ("s", "q1", 3), ("n", "q1", 1)]
table = defaultdict(lambda: defaultdict(int))
for region, quarter, n in sales:
    table[region][quarter] += n
print({r: dict(q) for r, q in table.items()})

# %% matrix transpose and zip
m = [[1, 2, 3], [4, 5, 6]]
print(list(zip(*m)), [list(r) for r in zip(*m)])
print(list(zip("ab", range(9))), dict(zip(["k1", "k2"], [1, 2])))

# %% count labels in list
# context: list
from collections import Counter

labels = Counter(item.split("Label:")[1].strip() for item in context)
print(labels.most_common())
print(f"location={labels['location']} number={labels['number']}")

# %% enumerate with start
for n, word in enumerate(["a", "b"], start=1):
    print(f"{n}. {word}")

# %% running total
from itertools import accumulate

print(list(accumulate([1, 2, 3, 4])), list(accumulate([3, 1, 4], max)))
