"""Tests of the tagger that need a CUDA device."""

import pytest
import torch
from lightning.pytorch.cli import OptimizerCallable

from ner_lightning.training.tagger import NERTagger
from support.small_taggers import ENCODER, data_module, sgd, trained, trainer

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def on_gpu(precision: str, compiled: bool = False, optimizer: OptimizerCallable = sgd) -> NERTagger:
    torch.manual_seed(0)
    tagger = NERTagger(ENCODER, optimizer=optimizer, warmup_ratio=0.0)
    fitting = trainer(precision=precision, gradient_clip_val=1.0, accelerator="cuda", devices=1)
    fitting.fit(torch.compile(tagger, dynamic=True) if compiled else tagger, data_module())
    return tagger.cpu()


def fused_adamw(parameters: list) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-3, fused=True)


def plain_adamw(parameters: list) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-3, foreach=False)


def test_training_in_mixed_bfloat16_on_a_gpu_gives_about_the_same_weights() -> None:
    on_cpu, _ = trained(data_module())
    tagger = on_gpu("bf16-mixed")
    for name, parameter in on_cpu.named_parameters():
        torch.testing.assert_close(tagger.get_parameter(name), parameter, atol=0.05, rtol=0.1)


def test_a_compiled_tagger_trains_to_the_same_weights_on_a_gpu() -> None:
    plain, compiled = on_gpu("32-true"), on_gpu("32-true", compiled=True)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(compiled.get_parameter(name), parameter, atol=1e-3, rtol=1e-3)


def test_fused_adamw_trains_to_the_same_weights_as_plain_adamw_on_a_gpu() -> None:
    plain, fused = on_gpu("32-true", optimizer=plain_adamw), on_gpu("32-true", optimizer=fused_adamw)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(fused.get_parameter(name), parameter, atol=1e-4, rtol=1e-3)
    mixed = on_gpu("bf16-mixed", optimizer=fused_adamw)
    assert all(parameter.isfinite().all() for parameter in mixed.parameters())
