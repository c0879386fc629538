"""What a replica tells the store of one record, and asks of it. Pure."""

from __future__ import annotations

from gateway.limits.accounts import PERIODS_AHEAD, Account
from gateway.stores.base import Ask


def whole(account: Account) -> Ask:
    """The whole limit, where nobody shares it."""
    limit = account.limit.amount
    return Ask(account.id, limit, account.spent, max(limit, account.needed), account.held)


def share(account: Account, turn: int) -> Ask:
    """What calls need that run or wait, and something ahead: at first as much as is fair."""
    limit, waiting = account.limit.amount, sum(account.waiting)
    want = max(account.leased, account.needed + waiting)
    aim = account.pace * PERIODS_AHEAD if account.open else limit
    spare = want - waiting - account.needed
    return Ask(
        account.id,
        limit,
        account.spent,
        want,
        account.held,
        least=account.needed + min(account.waiting) if account.waiting else 0,
        keep=max(account.leased, account.needed),
        ahead=max(0, aim - spare) if account.runs_low or not account.open else 0,
        turn=turn,
        back=account.back,
    )


def closed(record: str, spent: int, back: int, turn: int) -> Ask:
    """What was spent, and no more, where nothing is open here. `back`: by so much corrections have made it less."""
    return Ask(record, 0, spent, spent, turn=turn, back=back)
