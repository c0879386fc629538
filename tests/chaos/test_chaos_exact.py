"""B14: exact money, against decimals of sixty digits."""

from decimal import Context, Decimal

from gateway.core.price import Price
from gateway.core.usage import Usage
from gateway.prices.rates import card, schedule

DECIMAL = Context(prec=60)
PICOS_PER_DOLLAR, MILLION, PICOS_PER_NANO = Decimal(10**12), Decimal(10**6), 1000
PAIRS, FOR_EACH_PRICE = 1_000_000, 100


def published(dice):
    """Dollars for a million tokens, with as many digits as lists have."""
    return Decimal(dice.randrange(10 ** dice.randint(1, 9))).scaleb(-dice.randint(0, 6))


def test_pairs_of_tokens_and_prices(shown, dice):
    pairs, worst_picos, worst_nanos, under = PAIRS if shown.full else PAIRS // 10, 0, 0, 0
    for _ in range(pairs // FOR_EACH_PRICE):
        given, made = published(dice), published(dice)
        price = Price("x", schedule(card({"input_mtok": given, "output_mtok": made})))
        for _ in range(FOR_EACH_PRICE):
            read, written = dice.randrange(10 ** dice.randint(1, 7)), dice.randrange(10 ** dice.randint(1, 6))
            cost = price.of(Usage(input=read, output=written)).known
            dollars = DECIMAL.add(DECIMAL.multiply(read, given), DECIMAL.multiply(written, made))
            exact = DECIMAL.multiply(DECIMAL.divide(dollars, MILLION), PICOS_PER_DOLLAR)
            above = cost.nanos_up * PICOS_PER_NANO - exact
            worst_picos = max(worst_picos, abs(cost.picos - exact))
            worst_nanos = max(worst_nanos, above)
            under += above < 0
    shown(
        "B14",
        f"{pairs:,} random pairs against `decimal` with 60 digits",
        f"{worst_picos} picodollars off in the ledger at most, {worst_nanos / PICOS_PER_NANO:.3f} nanodollars above in "
        f"limits at most, {under} under",
        target="0 picodollars, less than 1 nanodollar above, never under",
        met=worst_picos == 0 and worst_nanos < PICOS_PER_NANO and not under,
    )
