"""`fareway router train`: scores in, a model out, and what it is worth on prompts that it has not seen."""

from __future__ import annotations

import csv

import pytest

from gateway.cli.main import main
from gateway.difficulty.model import Difficulty

HARD, EASY = "Prove that {} is the sum of two primes.", "Say hello to number {}."


@pytest.fixture
def scores(tmp_path):
    """A small model is as good as a large one unless something is to be proved, and better at greetings."""
    path = tmp_path / "scores.csv"
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["prompt", "model", "score", "cost"])
        for number in range(60):
            writer.writerow([HARD.format(number), "large", 1, 0.01])
            writer.writerow([HARD.format(number), "small", 0, 0.001])
            writer.writerow([EASY.format(number), "large", 0.8, 0.01])
            writer.writerow([EASY.format(number), "small", 1, 0.001])
    return path


def test_a_model_is_written_and_it_is_said_what_choosing_by_prompt_is_worth(scores, tmp_path, capsys):
    out = tmp_path / "model.json"
    assert main(["router", "train", str(scores), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "choosing by prompt is better than the best fixed model, large" in told
    assert f"written: {out}" in told
    difficulty = Difficulty.load(out)
    assert difficulty.models == ("large", "small")
    assert difficulty.chances(HARD.format(99), ["small"])["small"] < 0.3
    assert difficulty.chances(EASY.format(99), ["small"])["small"] > 0.7


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("question,answer\n", "the first line must name the columns"),
        ("prompt,a\nhi,2\n", "line 2: a score must be from 0 to 1"),
        ("prompt,a\nhi,1\n", "has 1 prompts; no fewer than 50 teach anything"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(tmp_path, capsys, text, complaint):
    data = tmp_path / "scores.csv"
    data.write_text(text)
    assert main(["router", "train", str(data), "--out", str(tmp_path / "model.json")]) == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "model.json").exists()


def test_a_file_that_is_not_there_and_one_that_cannot_be_written(scores, tmp_path, capsys):
    assert main(["router", "train", str(tmp_path / "none.csv"), "--out", "x"]) == 1
    assert "cannot read the scores" in capsys.readouterr().err
    assert main(["router", "train", str(scores), "--out", str(tmp_path)]) == 1
    assert "cannot write the model" in capsys.readouterr().err


def test_scores_of_different_prompts_are_learned_from_and_nothing_is_claimed(tmp_path, capsys):
    data = tmp_path / "scores.csv"
    rows = [f"{HARD.format(n)},{'large' if n % 2 else 'small'},{n % 2}" for n in range(60)]
    data.write_text("\n".join(["prompt,model,score", *rows]))
    assert main(["router", "train", str(data), "--out", str(tmp_path / "model.json")]) == 0
    assert "how well it chooses cannot be said" in capsys.readouterr().out
