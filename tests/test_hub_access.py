"""Tests of the check whether the hub is reachable."""

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from huggingface_hub import constants

from ner_lightning.hub_access import is_reachable, use_cache_without_hub
from ner_lightning.modeling.encoders import PretrainedEncoder


class Refusing(BaseHTTPRequestHandler):
    """A server that answers every request with an error."""

    def do_HEAD(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as started:
        Thread(target=started.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{started.server_port}"
        started.shutdown()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Start a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_a_server_that_answers_is_reachable(server: str, unused_address: str) -> None:
    assert is_reachable(server)
    assert not is_reachable(unused_address)
    assert not is_reachable("http://no.such.server.invalid")


def test_a_server_that_never_answers_is_given_up_after_the_timeout(silent_server: str) -> None:
    start = time.monotonic()
    assert not is_reachable(silent_server, patience=0.2)
    assert time.monotonic() - start < 2


def test_the_cache_is_used_if_the_hub_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, server: str, unused_address: str
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server)
    use_cache_without_hub()
    assert not constants.HF_HUB_OFFLINE
    monkeypatch.setattr(constants, "ENDPOINT", unused_address)
    start = time.monotonic()
    with pytest.raises(ValueError, match="the id of a model on a hub that can be reached: 'no/such'"):
        PretrainedEncoder("no/such").tokenizer([])
    assert constants.HF_HUB_OFFLINE
    assert time.monotonic() - start < 5
