import subprocess
import sys

CODE = """
from ner_lightning import silence_libraries
silence_libraries()
import lightning, logging
lightning.seed_everything(0)
lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
logging.getLogger("lightning.pytorch").warning("this one matters")
"""


def test_hints_of_libraries_are_hidden_and_warnings_are_shown() -> None:
    """Checked in a separate process, because logging is set up once per process."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "this one matters\n")
