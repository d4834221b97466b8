# Strings and their formats

# %% f-string alignment
for name, v in [("alpha", 1.5), ("b", 22.333), ("gamma", 100)]:
    print(f"{name:<10}|{v:>8.2f}|{v:^9.1f}|{name!r:>8}")

# %% numbers
n = 1234567.891
print(f"{n:,.2f} {n:.3e} {n:.0f} {42:05d} {255:x} {255:#b} {0.256:.1%} {7:+d}")

# %% nested width
width, prec = 12, 3
print(f"[{3.14159:{width}.{prec}f}] [{'x':*^{width}}]")

# %% debug specifier
x = [1, 2]
y = "t"
print(f"{x=} {y=} {len(x)=} {1 + 1 = }")

# %% format method
print("{} {} {}".format(1, "b", [3]))
print("{1} {0} {name}".format("a", "b", name="c"))
print("{:>6}|{:<6}|{:^6}|{:06.2f}".format("r", "l", "m", 3.14159))
print("{0[k]} {1[0]}".format({"k": "v"}, [9]))

# %% percent formatting
print("%s is %d years and %.1f%% done" % ("Ann", 30, 99.5))
print("%-5s|%5s|%05d|%x" % ("a", "b", 42, 255))
print("%(a)s-%(b)s" % {"a": 1, "b": 2})

# %% join and split
print(", ".join(str(i) for i in range(5)), "a-b-c".split("-", 1), "x y  z".split(), "k=v".partition("="))
print("|".join(["a"]), "".join(reversed("abc")), "a,b,,c".split(","))

# %% methods
s = "  Hello, World  "
print(
    s.strip().lower(),
    s.upper().count("L"),
    s.replace("l", "L"),
    s.find("World"),
    s.strip().startswith("Hell"),
    s.rstrip().endswith("d"),
)
print("abc".zfill(6), "abc".center(9, "*"), "title case here".title(), "SwAp".swapcase(), "a\tb".expandtabs(4))
print(
    "abc123".isalnum(), "12".isdigit(), "Ab".isupper(), " ".isspace(), "x".isalpha(), "prefix-x".removeprefix("prefix-")
)

# %% multi-line prompt
name, facts = "Report", ["a", "b"]
prompt = f"""You are given a {name}.

Facts:
{chr(10).join("- " + f for f in facts)}

Answer with one word."""
print(prompt)
print(llm_query(prompt))

# %% quotes inside f-strings
d = {"key": "value", "n": {"m": 1}}
print(f"{d['key']} and {d['n']['m']} and {'yes' if d else 'no'}")
print(f"{d['key']!r}")

# %% braces
print(f"{{literal}} {1}", "{{}} {}".format(2))

# %% repr and str
print(repr("it's"), str(None), repr([1, "a", None, 2.0]), str({"a": (1,)}), ascii("é"))

# %% unicode
s = "Gómez café naïve Tromsø €"
print(len(s), len(s.encode("utf-8")), s.casefold(), [hex(ord(c)) for c in s if ord(c) > 255])
import unicodedata

print("".join(c for c in unicodedata.normalize("NFD", "Gómez") if unicodedata.category(c) != "Mn"))

# %% translate
table = str.maketrans("abc", "xyz", "!")
print("aabbcc!".translate(table))
import string

print("He said: 'hi!'".translate(str.maketrans("", "", string.punctuation)))
print(string.ascii_lowercase[:5], string.digits)

# %% encode and decode
b = "héllo".encode()
print(b, b.decode("utf-8"), bytes([72, 105]).decode(), b"ab".hex())
import base64

print(base64.b64encode(b"hello").decode(), base64.b64decode("aGVsbG8=").decode())

# %% slices
s = "abcdefghij"
print(s[2:5], s[-3:], s[::2], s[::-1], s[5:2:-1], s[:100], s[50:])

# %% print options
print("a", "b", sep="-", end="!\n")
print(*[1, 2, 3], sep=", ")
print()
print("no newline", end="")
print(" then more", flush=True)

# %% table
rows = [("name", "qty"), ("apple", 3), ("kiwi", 12)]
w = [max(len(str(r[i])) for r in rows) for i in range(2)]
for r in rows:
    print(" | ".join(str(v).ljust(w[i]) for i, v in enumerate(r)))
    if r is rows[0]:
        print("-+-".join("-" * n for n in w))

# %% string comparison and similarity
import difflib

print(difflib.get_close_matches("appel", ["ape", "apple", "peach"]))
print(round(difflib.SequenceMatcher(None, "abcd", "bcde").ratio(), 2))
print("a" < "b" < "c", "Z" < "a", sorted(["b", "A", "c"], key=str.lower))

# %% string template and html
from string import Template

print(Template("$who likes $what").substitute(who="tim", what="kung pao"))
import html

print(html.escape("<a & b>"), html.unescape("&lt;b&gt; &amp; &eacute;"))

# %% hashes
import hashlib

print(hashlib.md5(b"x").hexdigest(), hashlib.sha256("é".encode()).hexdigest()[:16])


# %% roman numerals by divmod
def roman(n):
    out = ""
    for v, s in [(10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]:
        q, n = divmod(n, v)
        out += s * q
    return out


print([roman(i) for i in (1, 4, 9, 14, 28)])
