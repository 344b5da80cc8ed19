"""Tests of the line that a rank prints when it loses another one."""

import pytest
from torch.distributed import DistBackendError, DistNetworkError

from ner_lightning.commands.fit import command
from ner_lightning.commands.fit.rank_errors import line_on_lost_rank

ADVICE = "This is typically caused by a remote worker crashing. Check its logs before reporting an error."
LOST = {  # the error of torch, and the part that is kept
    RuntimeError(f"[/third_party/gloo/pair.cc:553] Connection closed by peer [127.0.0.1]:140. {ADVICE}"): (
        "Connection closed by peer [127.0.0.1]:140"
    ),
    RuntimeError(f"[/third_party/gloo/pair.cc:537] Read error [127.0.0.1]:308: Connection reset by peer. {ADVICE}"): (
        "Read error [127.0.0.1]:308: Connection reset by peer"
    ),
    RuntimeError("[/third_party/gloo/pair.cc:400] writev [127.0.0.1]:308: Broken pipe"): (
        "writev [127.0.0.1]:308: Broken pipe"
    ),
    RuntimeError("[/gloo/unbound_buffer.cc:78] Timed out waiting 3000ms for recv operation to complete"): (
        "Timed out waiting 3000ms for recv operation to complete"
    ),
    RuntimeError("Application timeout caused pair closure"): "Application timeout caused pair closure",
    DistBackendError("NCCL communicator was aborted on rank 1.\nException raised from here\nframe #0: there"): (
        "NCCL communicator was aborted on rank 1."
    ),
    DistNetworkError("failed to recv, got 0 bytes"): "failed to recv, got 0 bytes",
}


def fail_by(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int:
    def lose_rank(_: list[str]) -> None:
        raise error

    monkeypatch.setattr(command, "run_training", lose_rank)
    return command.main(["fit"])


@pytest.mark.parametrize(("error", "said"), LOST.items())
def test_a_lost_rank_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: RuntimeError, said: str
) -> None:
    assert fail_by(error, monkeypatch) == 1
    expected = f"error: another rank has ended or does not respond, so this one ends too: {said}\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 cannot be multiplied"), RecursionError("too deep")])
def test_other_errors_are_not_reported_as_a_lost_rank(monkeypatch: pytest.MonkeyPatch, error: RuntimeError) -> None:
    assert line_on_lost_rank(error) is None
    with pytest.raises(type(error), match=str(error)):
        fail_by(error, monkeypatch)
