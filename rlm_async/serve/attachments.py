"""Files that come inside a request, as base64: read like files of the same name from disk."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from pathlib import Path, PurePosixPath

from rlm_async.contexts import load
from rlm_async.core.context import Document
from rlm_async.errors import ConfigError
from rlm_async.serve.faults import Fault

_DATA = re.compile(r"data:[^,;]*(?:;[^,;]*)*;base64,")
_SAFE = re.compile(r"[^\w.,()\[\] -]+")


def attachment(data: str, filename: str | None) -> Document:
    """The text of one attached file; raises Fault. Blocks on disk: call it in a thread."""
    match = _DATA.match(data, 0, 1_000)
    name = named(filename)
    try:
        raw = base64.b64decode(data[match.end() if match else 0 :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Fault(
            400, f"the file {name} is not base64: send file_data as data:TYPE;base64,…", param="file"
        ) from error
    with tempfile.TemporaryDirectory(prefix="rlm-async-") as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        try:
            context = load(path)
        except ConfigError as error:
            said = str(error).replace(str(path), name).replace(folder, "")
            raise Fault(400, f"the file {name}: {said}", param="file") from error
    return Document(name, context.text)


def named(filename: str | None) -> str:
    """A file's own name, without folders and without what a file system or a terminal would mind."""
    plain = _SAFE.sub("_", PurePosixPath((filename or "").replace("\\", "/")).name).strip(". ")
    return plain[-120:] or "attachment.txt"
