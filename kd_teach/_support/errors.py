"""Messages that say what came, what was expected and what to do."""

import difflib
from collections.abc import Iterable


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that is not in a list: it shows the nearest name and the whole list."""
    known = sorted(known)
    nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return ValueError(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(known)}.")


class DamagedFileError(RuntimeError, OSError):
    """A file is there but cannot be what it should be: half a download, cut or overwritten weights."""


class NotWrittenError(OSError):
    """A file could not be written: no space, no permission, no such place."""


class NotFiniteError(ValueError, FloatingPointError):
    """A tensor holds NaN or infinity where finite numbers are needed."""
