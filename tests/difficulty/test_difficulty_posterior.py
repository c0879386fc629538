"""What callers say corrects what was predicted, as much as it weighs, and no more."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.rating import Rating
from gateway.difficulty.posterior import HALF_LIFE_S, STRENGTH, Posteriors

NOW = 1_800_000_000.0
scores = st.floats(0, 1)
ratings = st.builds(
    Rating, st.just("r"), st.floats(NOW - 9 * HALF_LIFE_S, NOW), scores, st.just("p"),
    st.sampled_from(["small", "large"]), st.integers(-1, 2),
)  # fmt: skip
predictions = st.none() | scores


def said(score, *, model="small", cluster=0, at=NOW):
    return Rating("r", at, score, "p", model, cluster)


def chance(posteriors, cluster, model, predicted, now):
    return posteriors.chance(cluster, model, predicted, posteriors.fading(now))


def learned(*told):
    posteriors = Posteriors(NOW)
    for rating in told:
        posteriors.learn(rating)
    return posteriors


@given(scores)
def test_the_prediction_stands_where_nothing_was_said(predicted):
    assert chance(learned(), 0, "small", predicted, NOW) == predicted
    elsewhere = learned(said(0, cluster=1), said(0, model="large"))
    assert chance(elsewhere, 0, "small", predicted, NOW) == predicted


@given(st.lists(ratings, max_size=30), predictions, st.integers(-1, 2))
def test_a_chance_is_one(told, predicted, cluster):
    found = chance(learned(*told), cluster, "small", predicted, NOW)
    assert found is None or 0 <= found <= 1
    assert predicted is None or found is not None


@given(st.lists(ratings, max_size=30), scores, st.integers(-1, 2))
def test_good_feedback_raises_it_and_bad_feedback_lowers_it(told, predicted, cluster):
    before = chance(learned(*told), cluster, "small", predicted, NOW)
    better = chance(learned(*told, said(1, cluster=cluster)), cluster, "small", predicted, NOW)
    worse = chance(learned(*told, said(0, cluster=cluster)), cluster, "small", predicted, NOW)
    assert worse - 1e-12 <= before <= better + 1e-12


@given(st.lists(ratings, max_size=30), predictions, st.integers(-1, 2), st.randoms())
def test_the_order_of_what_was_said_does_not_matter(told, predicted, cluster, shuffler):
    other = list(told)
    shuffler.shuffle(other)
    one, two = (chance(learned(*order), cluster, "small", predicted, NOW) for order in (told, other))
    assert one == pytest.approx(two)


@pytest.mark.parametrize("truth", [0.1, 0.5, 0.93])
def test_it_comes_to_the_truth_whatever_was_predicted(truth):
    dice = random.Random(1)
    told = learned(*(said(float(dice.random() < truth)) for _ in range(5000)))
    for predicted in (0.0, 1.0, None):
        assert chance(told, 0, "small", predicted, NOW) == pytest.approx(truth, abs=0.03)


def test_as_many_scores_as_it_is_worth_weigh_as_much_as_the_prediction():
    told = learned(*[said(1)] * int(STRENGTH))
    assert chance(told, 0, "small", 0.5, NOW) == pytest.approx(0.75)


def test_old_scores_fade_until_the_prediction_stands_again():
    told = learned(*[said(1)] * int(STRENGTH))
    assert chance(told, 0, "small", 0.5, NOW + HALF_LIFE_S) == pytest.approx(0.5 + 0.5 / 3)
    assert chance(told, 0, "small", 0.5, NOW + 60 * HALF_LIFE_S) == pytest.approx(0.5)


def test_few_scores_do_not_make_an_unknown_model_look_good():
    few = learned(*[said(1)] * int(STRENGTH - 1))
    assert chance(few, 0, "small", None, NOW) is None
    enough = learned(*[said(1)] * int(STRENGTH))
    assert chance(enough, 0, "small", None, NOW) == 1
    assert chance(enough, 5, "small", None, NOW) == 1, "its average stands for kinds of prompts that it has not seen"
    assert chance(enough, 0, "small", None, NOW + HALF_LIFE_S) is None, "old ones count less"
