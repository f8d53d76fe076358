"""Make the README's thumbnails: the first picture of every notebook, small: python tools/thumbnails.py"""

import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

from kd_teach.course.heads import course

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "thumbnails"
BOX = (240, 150)  # pixels


def first_picture(path: Path) -> Image.Image:
    """The first PNG among a notebook's outputs."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                return Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
    raise SystemExit(f"{path.name} shows no picture; run it first (make notebooks).")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for head in course():
        picture = first_picture(head.path).convert("RGB")
        picture.thumbnail(BOX, Image.Resampling.LANCZOS)
        picture.quantize(64).save(FOLDER / f"{head.path.stem}.png", optimize=True)
        print(head.path.stem, picture.size)


if __name__ == "__main__":
    main()
