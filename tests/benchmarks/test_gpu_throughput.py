"""Tests of the training throughput, measured on the available device."""

import json

import torch

from ner_lightning.modeling.encoders import train_word_pieces
from ner_lightning.schemes import BIO, TagSet


def test_throughput_counts_only_the_measured_steps(benchmark, tmp_path, capsys):
    output = tmp_path / "throughput.json"
    options = ["--device", "cpu", "--size", "tiny", "--batch", "4", "--warmup_steps", "2", "--steps", "3"]
    assert benchmark("gpu_throughput").main([*options, "--output", str(output)]) == 0
    found = json.loads(output.read_text())["found"]
    assert found["steps"] == 3
    assert 0 < found["examples_per_second"] < found["subwords_per_second"]
    assert found["utilization"] is None
    assert "examples per second" in capsys.readouterr().out


def test_a_missing_device_ends_in_one_line(benchmark, monkeypatch, capsys):
    throughput = benchmark("gpu_throughput")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert throughput.main([]) == 2
    assert throughput.main(["--device", "cpu", "--steps", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_the_benchmarked_encoder_has_the_size_of_bert_base(benchmark):
    encoder = benchmark("gpu_throughput").SIZES["bert-base"]
    tokenizer = train_word_pieces([["a"]], 40)
    tags = TagSet(BIO(), ("LOC",))
    with torch.device("meta"):
        network = type(encoder)(hidden_size=768, num_layers=12, num_heads=12, max_subwords=510).network(tags, tokenizer)
    layers = sum(p.numel() for name, p in network.named_parameters() if "encoder.layer" in name)
    assert (encoder.hidden_size, encoder.num_layers, encoder.num_heads) == (768, 12, 12)
    assert layers == 12 * (12 * 768**2 + 13 * 768)  # as published
