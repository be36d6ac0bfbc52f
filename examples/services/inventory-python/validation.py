"""The rules of the contract for fields of requests."""

import re

import grpc
from google.rpc import error_details_pb2

from refusal import Refusal

ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
OWNER = re.compile(r"([a-z][a-z0-9-]{0,63})?")
OPTIONAL_ID = re.compile(rf"({ID.pattern})?")
OPTIONAL_UUID = re.compile(r"([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?")
CURRENCY = re.compile(r"[A-Z]{3}")


class Checks:
    """Collects the invalid fields of a request. As a context manager, raises INVALID_ARGUMENT with all of them at the end."""

    def __init__(self) -> None:
        self._violations = []

    def require(self, valid: bool, field: str, description: str) -> None:
        if not valid:
            violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            self._violations.append(violation)

    def match(self, pattern: re.Pattern[str], text: str, field: str) -> None:
        self.require(pattern.fullmatch(text) is not None, field, f"must match {pattern.pattern}")

    def between(self, minimum: int, number: int, maximum: int, field: str, unit: str = "") -> None:
        self.require(minimum <= number <= maximum, field, f"must be {minimum} to {maximum}{unit}")

    def __enter__(self) -> "Checks":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None and self._violations:
            first = self._violations[0]
            text = f"invalid request: {first.field} {first.description}"
            bad_request = error_details_pb2.BadRequest(field_violations=self._violations)
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", text, None, bad_request)
