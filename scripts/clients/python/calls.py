"""Reads the details of errors and resumes listings. It depends on no generated code: import it or copy it."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

T = TypeVar("T")

_MAX_ATTEMPTS = 5
_FIRST_DELAY_S = 0.1
_MAX_DELAY_S = 2.0


@dataclass(frozen=True)
class Violation:
    """A rule that a field of the request violates."""

    field: str
    description: str


@dataclass(frozen=True)
class Details:
    """What ordermesh sends with an error."""

    code: grpc.StatusCode
    text: str
    # Stable, for example USER_NOT_FOUND. Empty if the error is not from ordermesh but, for example, from a proxy.
    reason: str = ""
    # The facts of the reason, such as the id of the user.
    metadata: dict[str, str] = field(default_factory=dict)
    # An entry for each invalid field of the request.
    violations: tuple[Violation, ...] = ()
    # The time to wait before the next attempt. None: the server named none.
    retry_after_s: float | None = None


def details_of(error: grpc.RpcError) -> Details:
    """Returns the details of an error that a call raised."""
    reason = ""
    metadata: dict[str, str] = {}
    violations: tuple[Violation, ...] = ()
    retry_after_s: float | None = None
    # Pairs, also from grpc.aio.
    trailers: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    # Details that cannot be read are no reason to hide the error.
    with contextlib.suppress(DecodeError):
        sent = next((value for key, value in trailers if key == "grpc-status-details-bin"), b"")
        for detail in status_pb2.Status.FromString(sent).details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(detail.value)
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                bad = error_details_pb2.BadRequest.FromString(detail.value)
                violations = tuple(Violation(v.field, v.description) for v in bad.field_violations)
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
                retry_after_s = delay.seconds + delay.nanos / 1e9
    return Details(error.code(), error.details() or "", reason, metadata, violations, retry_after_s)


def resume_listing(open_after: Callable[[str], Iterable[T]], id_of: Callable[[T], str]) -> Iterator[T]:
    """Yields all resources of a listing.

    If the stream is cut, it opens the listing again after the last resource received, and gives up after five attempts in a
    row that yielded none.

        for user in resume_listing(lambda after: users.ListUsers(ListUsersRequest(after_id=after)), lambda user: user.id):
    """
    after, attempts = "", 0
    while True:
        stream = open_after(after)
        try:
            for resource in stream:
                after, attempts = id_of(resource), 0
                yield resource
            return
        except grpc.RpcError as error:
            attempts += 1
            details = details_of(error)
            if attempts == _MAX_ATTEMPTS or not _may_resume(details):
                raise
        finally:
            # Ends the stream if the caller leaves the loop.
            if isinstance(stream, grpc.RpcContext):
                stream.cancel()
        time.sleep(_delay_s(attempts, details))


def _may_resume(details: Details) -> bool:
    return details.retry_after_s is not None or details.code in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
    )


def _delay_s(attempts: int, details: Details) -> float:
    if details.retry_after_s is not None:
        return details.retry_after_s
    return min(_FIRST_DELAY_S * 2.0 ** (attempts - 1), _MAX_DELAY_S) * random.uniform(0.5, 1)
