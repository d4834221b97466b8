"""In the session: the history of a repository, where the input has it.

Part of the profile's preamble, behind `symbols.py`.
"""

_COMMIT = re.compile(r"^commit (?P<hash>[0-9a-f]{7,64})[^\n]*$", re.MULTILINE)
_NO_HISTORY = (
    "This input has no history: it was not read from a folder of a git repository, and holds no output of `git log`."
)


def history(path=None, words=None):
    """Commits, newest first: hash, author, date, subject, body, files (path -> A, M, D, …). Says so where there are none.

    `path` keeps those that touched a file or a folder, `words` those whose message has them.
    """
    logs = [
        text for name, text in _chosen(None) if name == _HISTORY or (_COMMIT.match(text) and "\nAuthor: " in text[:500])
    ]
    if not logs:
        print(_NO_HISTORY)  # noqa: T201 - the model reads what is printed
        return []
    made = [commit for text in logs for commit in _commits(text)]
    if path is not None:
        made = [
            one
            for one in made
            if any(
                file == path or file.startswith(path.rstrip("/") + "/") or file.endswith("/" + path)
                for file in one["files"]
            )
        ]
    if words is not None:
        made = [one for one in made if re.search(words, one["subject"] + "\n" + one["body"], re.IGNORECASE)]
    return made


def _commits(text):
    marks = list(_COMMIT.finditer(text))
    for i, found in enumerate(marks):
        part = text[found.end() : marks[i + 1].start() if i + 1 < len(marks) else len(text)]
        head, _, rest = part.strip("\n").partition("\n\n")
        author = re.search(r"^Author:\s*(.*?)\s*(?:<[^>]*>)?$", head, re.MULTILINE)
        date = re.search(r"^(?:AuthorDate|Date):\s*(.*)$", head, re.MULTILINE)
        said = [line[4:] for line in rest.splitlines() if line.startswith("    ")]
        touched = [line.split("\t") for line in rest.splitlines() if re.match(r"[ACDMRTUX]\d*\t\S", line)]
        files = {names[-1]: names[0][:1] for names in touched}
        yield {
            "hash": found.group("hash"),
            "author": author.group(1) if author else "",
            "date": date.group(1).strip() if date else "",
            "subject": said[0] if said else "",
            "body": "\n".join(said[1:]).strip(),
            "files": files,
        }
