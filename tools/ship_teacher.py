"""Put a finished run among the teachers that ship: its weights, and its card with the command that made it.

python tools/ship_teacher.py runs/r20 cifar10/resnet20
"""

import argparse
import json
import re
import shutil
from pathlib import Path

from kd_teach.training.run_folder import read_card

TEACHERS = Path(__file__).resolve().parents[1] / "data" / "teachers"


def ship(run: Path, name: str, *, teachers: Path = TEACHERS) -> Path:
    """Copy a run folder's weights and card to `teachers/name`; the command loses what belongs to one machine."""
    card = read_card(run)  # with the checksum of the weights
    data, model = name.split("/")
    if (card["data"], card["model"]) != (data, model):
        raise SystemExit(f"{run} holds {card['model']} trained on {card['data']}; it cannot ship as {name}.")
    if not card["command"]:
        raise SystemExit(f"{run} was not made by the kd-teach command, so nobody could repeat it; make it by that.")
    command = re.sub(r"--out(=|\s+)\S+", f"--out runs/{data}-{model}", card["command"])
    card["command"] = re.sub(r"\s+--resume\b", "", command)
    target = teachers / name
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "weights.safetensors", target)
    shutil.copy(run / "history.csv", target)
    (target / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a finished run folder")
    parser.add_argument("name", help="data/network, such as cifar10/resnet20")
    arguments = parser.parse_args()
    print(f"Shipped as {ship(arguments.run, arguments.name)}.")
