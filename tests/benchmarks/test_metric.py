"""Tests of the metric's benchmark: both sides give the same scores."""

import pytest


def test_the_metric_benchmark_runs_and_agrees_with_seqeval(benchmark, capsys):
    assert benchmark("metric").main(["--corpus", "generated", "--words", "2000", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    assert "scores agree to 1e-12" in printed
    assert printed.count("SpanF1") == 3


def test_the_metric_benchmark_rejects_scores_that_differ(benchmark):
    metric = benchmark("metric")
    text = metric.tagged_text("generated", 2000, seed=1)
    report = metric.seqeval_report(text.names(text.gold), text.names(text.predicted))
    scores = metric.span_f1_scores(text, metric.batches_of(text, metric.batch_plans(text)["one batch"]))
    metric.require_agreement(scores, report)
    with pytest.raises(AssertionError, match="f1/LOC must be"):
        metric.require_agreement(scores | {"f1/LOC": scores["f1/LOC"] + 1e-9}, report)


def test_every_sentence_is_measured_once_for_any_batch_size(benchmark):
    metric = benchmark("metric")
    text = metric.tagged_text("generated", 20_000, seed=0)
    assert text.num_words >= 20_000
    for plan in metric.batch_plans(text).values():
        assert sorted(i for batch in plan for i in batch) == list(range(len(text.gold)))
    assert len(metric.batch_plans(text)["as fit evaluates"]) > 1


def test_the_tags_and_predictions_are_realistic(benchmark):
    text = benchmark("metric").tagged_text("generated", 20_000, seed=0)
    entity_words = sum(tag_id > 0 for row in text.gold for tag_id in row)
    wrong = sum(g != p for rows in zip(text.gold, text.predicted, strict=True) for g, p in zip(*rows, strict=True))
    assert 0.06 < entity_words / text.num_words < 0.10
    assert 0.01 < wrong / text.num_words < 0.03
    again = benchmark("metric").tagged_text("generated", 20_000, seed=0)
    assert again.predicted == text.predicted


@pytest.mark.usefixtures("corpus_dir")
def test_the_metric_benchmark_uses_a_corpus_if_there_is_one(benchmark):
    metric = benchmark("metric")
    assert metric.available_corpora() == ["wnut17", "generated"]
    text = metric.tagged_text("wnut17", 12, seed=0)
    assert text.names(text.gold)[:3] == [["B-PER", "I-PER", "O"], ["B-LOC"], ["B-PER", "O"]]
    assert text.num_words == 12
