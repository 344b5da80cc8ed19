"""A single check of whether the Hugging Face hub is reachable: its client would wait half a minute for every file."""

from __future__ import annotations

import ssl
from functools import cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from huggingface_hub import constants

PATIENCE: Final = 5.0  # seconds


def use_cache_without_hub() -> None:
    """Let the libraries read only their caches for the rest of the process if the hub cannot be reached."""
    if not constants.HF_HUB_OFFLINE and not is_reachable(constants.ENDPOINT):
        constants.HF_HUB_OFFLINE = True


@cache
def is_reachable(url: str, patience: float = PATIENCE) -> bool:
    """Return whether a server answers, with any status. Each server is asked only once.

    The request runs in a thread, because looking up a name may take longer than the timeout of the request.

    Args:
        url: Address of the server.
        patience: Number of seconds to wait for the answer.
    """
    answers: SimpleQueue[bool] = SimpleQueue()
    Thread(target=lambda: answers.put(_answers(url, patience)), daemon=True).start()
    try:
        return answers.get(timeout=patience)
    except Empty:
        return False


def _answers(url: str, patience: float) -> bool:
    try:
        with urlopen(Request(url, method="HEAD"), timeout=patience):
            return True
    except HTTPError:
        return True
    except URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # the client of the hub may have other certificates
    except OSError:
        return False
