"""The demo: seconds of `passband demo` in an environment that is in place, and the Dice score that it reaches.

    python benchmarks/bench_demo.py

The seconds are those of `result.json`; Dice is on 10 held-out structures under the conditions of the training. Aim:
10 minutes on two cores, Dice of 0.90.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("passband")), "demo", "--quiet", "-o", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result = json.loads((Path(folder) / "result.json").read_text())
    print("| conditions | Dice |\n|---|---|")
    for row in result["scores"]:
        print(f"| {row['condition']} | {row['dice']:.3f} |")
    print(f"\n{result['seconds']:.0f} s in all.")


if __name__ == "__main__":
    main()
