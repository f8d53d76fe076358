"""`kd-teach pack OUT/`: all that a room without Wi-Fi needs, in one folder.

wheels/        the package and what it depends on, for the machine this runs on
notebooks/     the course
data/          CIFAR-10, if asked for; the package draws shapes10 by itself, and the teachers are inside its wheel
INSTALL.md     the commands
manifest.json  size and SHA-256 of every file
"""

import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable
from pathlib import Path

from kd_teach._support.files import read_json, sha256, user_path, write_whole
from kd_teach._support.progress import bar
from kd_teach._support.shipped import CHECKOUT, notebooks_folder

HEAVY = ("torch", "torchvision")

INSTALL = Path(__file__).with_name("install.md")
NO_TORCH = "\n**PyTorch is not here.** Install `torch` and `torchvision` right after the second line.\n"
DATA = {
    "windows": "set KD_TEACH_DATA=%CD%\\data\n",
    "unix": 'export KD_TEACH_DATA="$PWD/data"\n',
    "powershell": ' In PowerShell the fourth line is `$env:KD_TEACH_DATA = "$PWD\\data"`.',
}


def pack(
    out: str | Path, *, torch: bool = True, data: str | Path | None = None, requirements: Iterable[str] | None = None
) -> Path:
    """Write the folder; started again after a cut, it keeps what is there whole and mends what is not.

    Args:
        out: the folder.
        torch: take PyTorch along (hundreds of MB; on Linux some GB, unless pip is set to an index of CPU builds).
        data: a data set to take along, such as `data/cifar10` or `data/cifar-10-batches-py`.
        requirements: what to download; None means the package's own dependencies.

    Returns:
        The manifest's path.

    Raises:
        FileNotFoundError: no checkout (the wheel and the notebooks come from it), or no such data.
        OSError: pip failed, with its last lines; or a file is not what was copied.
    """
    out = user_path(out)
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise FileNotFoundError(f"{CHECKOUT} is no checkout; clone the repository and run kd-teach pack from there.")
    if data is not None and not any((user_path(data) / part).exists() for part in ("train", "data_batch_1")):
        raise FileNotFoundError(
            f"There is no data set in {data}; pass a folder with train/ and test/, as data/cifar10 or "
            "data/cifar-10-batches-py."
        )
    wheels = out / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    run_pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(CHECKOUT))
    wanted = dependencies(torch=torch) if requirements is None else list(requirements)
    if wanted:  # in one call, so that the versions fit one another; pip keeps the files that are there whole
        run_pip("download", "--only-binary", ":all:", "--dest", str(wheels), *wanted)
        # A rehearsal of the installation, from these files alone.
        run_pip("install", "--dry-run", "--ignore-installed", "--no-index", "--find-links", str(wheels), *wanted)
    copy(notebooks_folder().glob("*.ipynb"), notebooks_folder(), out / "notebooks")
    if data is not None:
        folder = user_path(data).absolute()
        copy((path for path in folder.rglob("*") if path.is_file()), folder.parent, out / "data")
    (out / "INSTALL.md").write_text(instructions(torch=torch, data=data is not None), encoding="utf-8")
    return write_manifest(out)


def dependencies(*, torch: bool) -> list[str]:
    """The package's requirements without its extras."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [line for line in project["dependencies"] if torch or not line.startswith(HEAVY)]


def instructions(*, torch: bool, data: bool) -> str:
    """INSTALL.md, with the commands that these files need."""
    return INSTALL.read_text(encoding="utf-8").format(
        platform=sysconfig.get_platform(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        torch="" if torch else NO_TORCH,
        **(DATA if data else dict.fromkeys(DATA, "")),
    )


def run_pip(*arguments: str) -> None:
    """pip in this interpreter, with its own progress bars in a terminal; OSError with its last lines when it fails."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    command = [sys.executable, "-m", "pip", *arguments, *quiet, "--disable-pip-version-check"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        last = " ".join(line.strip() for line in done.stderr.strip().splitlines()[-3:])
        raise OSError(f"pip {arguments[0]} failed; what is in the folder stays, start again to go on. pip says: {last}")


def copy(files: Iterable[Path], base: Path, target: Path) -> None:
    """Copy files below `base` to the same places below `target`; those that are there already are left.

    Raises:
        OSError: a copy differs from its original, as on a broken stick.
    """
    for path in bar(sorted(files), desc=target.name):
        place = target / path.relative_to(base)
        if place.is_file() and same(path, place):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(place.name + ".part")  # a cut leaves no half file under the real name
        shutil.copyfile(path, part)
        if not same(path, part):
            raise OSError(f"{part} is not what was copied from {path}; try another disk.")
        part.replace(place)


def same(a: Path, b: Path) -> bool:
    """Whether two files hold the same bytes."""
    return a.stat().st_size == b.stat().st_size and sha256(a) == sha256(b)


def write_manifest(out: Path) -> Path:
    """Size and SHA-256 of every file below `out`, and manifest.json with them."""
    entries = {
        name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)}
        for name in bar(packed(out), desc="checksums")
    }
    manifest = out / "manifest.json"
    write_whole(manifest, json.dumps(entries, indent=1) + "\n")
    return manifest


def packed(out: Path) -> list[str]:
    """Names of the files that belong into the manifest: all but itself and what a cut has left."""
    files = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*")) if not path.is_dir()]
    return [name for name in files if name != "manifest.json" and not name.endswith(".part")]


def verify(out: str | Path) -> list[str]:
    """What is wrong with a packed folder, one line each: files that are missing, changed or too many. Empty if all is
    well.

    Raises:
        FileNotFoundError: the folder was never finished.
        DamagedFileError: its manifest is none.
    """
    out = user_path(out)
    if not (out / "manifest.json").is_file():
        raise FileNotFoundError(f"{out} holds no manifest.json, so it was never finished; run kd-teach pack {out}.")
    entries = read_json(out / "manifest.json", {}, f"Run kd-teach pack {out} again.")
    problems = [f"{name} is not in the manifest" for name in packed(out) if name not in entries]
    for part in ("wheels/", "notebooks/", "INSTALL.md"):  # without these nothing can be installed from it
        if not any(name.startswith(part) for name in entries):
            problems.append(f"the manifest lists no {part}")
    for name, entry in bar(entries.items(), desc="checking"):
        place = out / name
        if not place.resolve().is_relative_to(out.resolve()):
            problems.append(f"{name} lies outside the folder")
        elif not place.is_file():
            problems.append(f"{name} is missing")
        elif not isinstance(entry, dict) or sha256(place) != entry.get("sha256"):
            problems.append(f"{name} has changed")
    return problems
