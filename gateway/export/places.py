"""Where exports are put: a folder, or a bucket that speaks S3. A file is there only once it is whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

from gateway.core.errors import Unavailable

S3 = "s3://"

Fill = Callable[[IO[bytes]], None]
"""Writes the file."""


class PlaceError(Unavailable):
    """The place cannot be read or written, or not without another package."""


class Place(Protocol):
    """Blocking: for a thread."""

    def has(self, name: str) -> bool:
        """Whether a file of that name is there. Raises PlaceError."""
        ...

    def put(self, name: str, fill: Fill) -> None:
        """Put it there, or leave all as it was. Raises PlaceError, and what `fill` raises."""
        ...


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its name once it is whole. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class Folder:
    """A directory, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, name: str) -> bool:
        """See Place."""
        return (self._path / name).exists()

    def put(self, name: str, fill: Fill) -> None:
        """See Place."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with whole_file(self._path / name) as file:
                fill(file)
        except OSError as error:
            raise PlaceError(f"cannot write {self._path / name}: {error.strerror or error}") from None


class Bucket:
    """A bucket at Amazon S3 or what speaks like it (AWS_ENDPOINT_URL_S3), through botocore: its credentials, its
    region, its retries."""

    def __init__(self, address: str, client: Any) -> None:
        self._bucket, _, prefix = address.removeprefix(S3).partition("/")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._client = client

    def has(self, name: str) -> bool:
        """See Place."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra, and only here

        try:
            self._client.head_object(Bucket=self._bucket, Key=self._prefix + name)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return False
            raise PlaceError(f"cannot read {S3}{self._bucket}: {error}") from None
        except BotoCoreError as error:
            raise PlaceError(f"cannot read {S3}{self._bucket}: {error}") from None
        return True

    def put(self, name: str, fill: Fill) -> None:
        """See Place."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra, and only here

        with tempfile.TemporaryFile() as file:
            fill(file)
            file.seek(0)
            try:
                self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=file)
            except (BotoCoreError, ClientError) as error:
                raise PlaceError(f"cannot write {S3}{self._bucket}/{self._prefix}{name}: {error}") from None


def place(address: str) -> Place:
    """The place of that name: a path, or s3://bucket/prefix. Raises PlaceError where a package is missing."""
    if not address.startswith(S3):
        return Folder(Path(address))
    if find_spec("botocore") is None:
        raise PlaceError("buckets need more packages: pip install 'fareway[aws]'")
    import botocore.session  # noqa: PLC0415 - an extra, and only here

    return Bucket(address, botocore.session.get_session().create_client("s3"))
