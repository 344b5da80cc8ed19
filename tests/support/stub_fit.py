"""A replacement for `fit` that handles files and signals like it, but fast, and fails or waits for given seeds."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run_dir", type=Path)
    parser.add_argument("--seed_everything", type=int)
    parser.add_argument("--ckpt_path")
    parser.add_argument("--fail_at", type=int)
    parser.add_argument("--wait_at", type=int)
    parser.add_argument("--wait_for", type=Path)
    options = parser.parse_args()

    def save(*_: object) -> None:
        checkpoint = options.run_dir / "checkpoints" / "last.ckpt"
        checkpoint.parent.mkdir(exist_ok=True)
        checkpoint.write_text("")
        sys.exit(143)

    signal.signal(signal.SIGTERM, save)
    if (options.ckpt_path == "last") != options.run_dir.exists():
        sys.exit(f"error: a new run needs a new folder, and a resumed one its folder; got {options.ckpt_path}")
    options.run_dir.mkdir(exist_ok=True)
    with (options.run_dir.parent / "starts").open("a") as file:
        file.write(f"{options.run_dir.name} {options.ckpt_path} {os.environ['OMP_NUM_THREADS']}\n")
    sys.stderr.write("epoch 1/2, step 5: validation/f1 0.5\n")
    if options.fail_at == options.seed_everything:
        sys.exit("Traceback (most recent call last):\nerror: a loss must be finite\ngoodbye")
    if options.wait_at == options.seed_everything:
        while not options.wait_for.exists():
            time.sleep(0.01)
    (options.run_dir / "training_entities.json").write_text("{}")


if __name__ == "__main__":
    main()
