"""Signatures for Amazon Bedrock (SigV4), by botocore: its chain of credentials, and its signer.

The chain: variables such as AWS_ACCESS_KEY_ID, the files in ~/.aws, single sign-on, web identities, the machine's role.
Much of that waits for the network, so it runs in a thread; signing itself is arithmetic.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from gateway.upstream.errors import Unreached
from gateway.upstream.signing import NoSigner
from gateway.upstream.target import target

SERVICE = "bedrock"

FRESH_S = 60.0
"""Credentials are looked at again after so long, beside the calls. botocore renews them when they are due."""

USABLE_S = 300.0
"""Older ones are waited for. botocore renews what expires within 10 to 15 minutes, so these have not expired."""

log = logging.getLogger("fareway.aws")


class Chain(Protocol):
    """What of botocore's credentials is used."""

    def get_frozen_credentials(self) -> Any:
        """What to sign with now, renewed if that is due; may block."""
        ...


Sign = Callable[[Any, str, tuple[str, str], Mapping[str, str], bytes], Mapping[str, str]]
"""By credentials and region: the headers of a method and URL with these headers and this body, signature included."""


class AwsSigner:
    """Signs each call. One look at the credentials at a time, and none on the event loop."""

    def __init__(
        self, find: Callable[[], Chain | None], sign: Sign, region: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find
        self._sign = sign
        self._region = region
        self._monotonic = monotonic
        self._chain: Chain | None = None
        self._credentials: Any = None
        self._at = 0.0  # When they were last looked at.
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def default(cls, region: str) -> Self:
        """With botocore's own chain, looked for at the first call. Raises NoSigner."""
        try:
            session = importlib.import_module("botocore.session")
        except ImportError:
            raise NoSigner("Amazon Bedrock without a bearer key needs botocore: pip install 'fareway[aws]'") from None
        return cls(lambda: session.Session().get_credentials(), signature, region)

    async def signed(self, url: str, headers: Mapping[str, str], body: bytes, method: str = "POST") -> dict[str, str]:
        """See `Signer.signed`. The path is signed as it is sent."""
        age_s = self._age_s()
        if age_s > FRESH_S:
            looking = self._look()
            if age_s > USABLE_S:
                await asyncio.shield(looking)
        if self._credentials is None or self._age_s() > USABLE_S:
            raise Unreached("There are no credentials for AWS: they were not found, or could not be renewed.")
        origin, path = target(url)
        sent = f"{origin.scheme}://{origin.authority}{path}"
        told = {name: value for name, value in headers.items() if _is_signed(name.lower())}
        signed = self._sign(self._credentials, self._region, (method, sent), told, body)
        return {**headers, **{name.lower(): value for name, value in signed.items()}}

    def _age_s(self) -> float:
        return self._monotonic() - self._at if self._credentials is not None else float("inf")

    def _look(self) -> asyncio.Task[None]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._looked())
        return self._looking

    async def _looked(self) -> None:
        """Newer credentials, where there are any. What was wrong is for the operator, not for callers."""
        try:
            self._credentials = await asyncio.to_thread(self._freeze)
            self._at = self._monotonic()
        except Exception as error:  # noqa: BLE001 - botocore raises its own, and those of what it calls
            log.warning("no credentials for AWS: %s", error)

    def _freeze(self) -> Any:
        self._chain = self._chain or self._find()
        return None if self._chain is None else self._chain.get_frozen_credentials()


def signature(
    credentials: Any, region: str, asked: tuple[str, str], headers: Mapping[str, str], body: bytes
) -> Mapping[str, str]:
    """See `Sign`; as botocore signs."""
    auth = importlib.import_module("botocore.auth")
    request = importlib.import_module("botocore.awsrequest").AWSRequest(*asked, headers=dict(headers), data=body)
    auth.SigV4Auth(credentials, SERVICE, region).add_auth(request)
    return dict(request.headers.items())


def _is_signed(name: str) -> bool:
    """Whether a header must be signed, by AWS's rules, besides the host."""
    return name == "content-type" or name.startswith("x-amz-")
