"""What a provider says was used, and when that is no count."""

import pytest

from gateway.core.money import Money
from gateway.core.usage import Extras, Report, Usage

ZEROS = b'{"prompt_tokens":0,"completion_tokens":0}'


@pytest.mark.parametrize(
    ("report", "hollow"),
    [
        (Report(usage=Usage(), raw=ZEROS), True),
        (Report(usage=Usage(requests=1, prompt=5), raw=ZEROS), True),
        (Report(), False),  # Says nothing.
        (Report(usage=Usage()), False),  # Our own word for what costs nothing.
        (Report(usage=Usage(input=1), raw=ZEROS), False),
        (Report(usage=Usage(output_reasoning=1), raw=ZEROS), False),
        (Report(usage=Usage(extras=Extras(search_units=1)), raw=ZEROS), False),
        (Report(usage=Usage(), cost=Money(0), raw=ZEROS), False),  # It charges what it says.
    ],
)
def test_zero_of_everything_is_no_count(report, hollow):
    assert report.hollow is hollow
    assert report.used is (None if hollow else report.usage)
