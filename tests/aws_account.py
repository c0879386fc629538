"""A made-up AWS account, and what a server of AWS's does with a signature: all from the request alone.

Written from AWS's description of Signature Version 4, without botocore: what is signed and what verifies it must not
share a mistake. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request), "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def refusal(
    line: str, headers: Mapping[str, str], body: bytes, *, region: str, token: str | None, method: str = "POST"
) -> str | None:
    """Why a call is refused; None if its signature is right. Names of headers are in lower case."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        return "there is no signature"
    names = found["names"].split(";")
    must = {"host", "x-amz-date", *(["content-type"] if "content-type" in headers else [])}
    must |= {name for name in headers if name.startswith("x-amz-")}
    if found["region"] != region or found["service"] != "bedrock" or not must <= set(names):
        return "it is for another place, or leaves a header open"
    if headers.get("x-amz-security-token") != token or not headers["x-amz-date"].startswith(found["day"]):
        return "the session or the day is another one"
    path, _, query = line.partition("?")
    canonical = "\n".join(
        (
            method,
            "/".join(quote(part, safe="-_.~") for part in path.split("/")),  # Encoded once more than as it was sent.
            query,
            *[f"{name}:{' '.join(headers[name].split())}" for name in names],
            "",
            found["names"],
            hashlib.sha256(body).hexdigest(),
        )
    )
    told = ("AWS4-HMAC-SHA256", headers["x-amz-date"], found["scope"], hashlib.sha256(canonical.encode()).hexdigest())
    key = b"AWS4" + SECRET.encode()
    for part in found["scope"].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    right = hmac.new(key, "\n".join(told).encode(), "sha256").hexdigest()
    return None if hmac.compare_digest(right, found["signature"]) else "the signature is wrong"
