"""Errors of calls, and how they are answered."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Never

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

# Says who gives the reasons.
DOMAIN = "inventory-python"


class Refusal(Exception):
    """A definite answer: a saga undoes its order. The reason is for programs, the text for people."""

    def __init__(
        self, code: grpc.StatusCode, reason: str, text: str, metadata: Mapping[str, str] | None = None, *details: Message
    ) -> None:
        super().__init__(text)
        self.code = code
        info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata or {})
        self.details = [info, *details]

    def abort(self, context: grpc.ServicerContext) -> Never:
        status = status_pb2.Status(code=self.code.value[0], message=str(self))
        for detail in self.details:
            packed = Any()
            packed.Pack(detail)
            status.details.append(packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(self.code, str(self))


@contextmanager
def errors_answered(method: str, context: grpc.ServicerContext) -> Iterator[None]:
    """Ends the call with a refusal that is raised inside, UNAVAILABLE if the database fails, and INTERNAL after a bug.

    Only OperationalError, such as a lock or a full disk, may pass by itself. Others, such as a broken constraint, come
    again at every attempt, so callers must not be told to call again.
    """
    try:
        yield
    except Refusal as refusal:
        refusal.abort(context)
    except sqlite3.OperationalError:
        logging.exception("%s failed", method)
        text = "database failed: call again, with the same request_id if there is one"
        Refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE", text).abort(context)
    except Exception:
        logging.exception("%s failed unexpectedly", method)
        text = "unexpected error: see the log of this service"
        Refusal(grpc.StatusCode.INTERNAL, "INTERNAL", text).abort(context)
