"""What Linux tells about itself in /proc."""

from pathlib import Path


def proc(name: str) -> dict[str, str]:
    """The lines "key : value" of a file such as /proc/cpuinfo, of equal keys the first; empty if there is no file."""
    path = Path("/proc") / name
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    pairs = [(key.strip(), value.strip()) for key, colon, value in (line.partition(":") for line in lines) if colon]
    return dict(reversed(pairs))
