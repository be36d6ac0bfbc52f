"""Calls a mesh with a certificate and a token, and shows how it refuses wrong ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import grpc
from ordermesh.order.v1.order_pb2 import GetOrderRequest
from ordermesh.order.v1.order_pb2_grpc import OrderServiceStub
from ordermesh.user.v1.user_pb2 import GetUserRequest, User
from ordermesh.user.v1.user_pb2_grpc import UserServiceStub

TIMEOUT_S = 20


def connect(address: str, ca_file: str, token: str | None) -> grpc.Channel:
    """Returns a channel over TLS to a mesh whose certificate the CA has signed, which sends the token with each call.

    The program has a certificate of its own, with the files TLS_CERT and TLS_KEY.
    """
    credentials = grpc.ssl_channel_credentials(
        root_certificates=Path(ca_file).read_bytes(),
        private_key=Path(os.environ["TLS_KEY"]).read_bytes(),
        certificate_chain=Path(os.environ["TLS_CERT"]).read_bytes(),
    )
    if token:
        bearer = grpc.access_token_call_credentials(token)
        credentials = grpc.composite_channel_credentials(credentials, bearer)
    return grpc.secure_channel(address, credentials)


def certificate_and_token(address: str) -> None:
    with connect(address, os.environ["TLS_CA"], os.environ["ORDERMESH_TOKEN"]) as channel:
        user = get_user(channel)
    if user.id != os.environ["USER_ID"]:
        raise AssertionError(f"got {user}")


def no_token(address: str) -> None:
    with connect(address, os.environ["TLS_CA"], None) as channel:
        expect_code(lambda: get_user(channel), grpc.StatusCode.UNAUTHENTICATED)


def other_ca(address: str) -> None:
    with connect(address, os.environ["OTHER_CA"], os.environ["ORDERMESH_TOKEN"]) as channel:
        expect_code(lambda: get_user(channel), grpc.StatusCode.UNAVAILABLE)


def other_user(address: str) -> None:
    with connect(address, os.environ["TLS_CA"], os.environ["ORDERMESH_TOKEN"]) as channel:
        request = GetOrderRequest(id=os.environ["OTHER_ORDER"])
        orders = OrderServiceStub(channel)
        expect_code(lambda: orders.GetOrder(request, timeout=TIMEOUT_S), grpc.StatusCode.PERMISSION_DENIED)


def missing_setting() -> str | None:
    """Returns the name of a setting that is not set."""
    names = ["TLS_CA", "TLS_CERT", "TLS_KEY", "ORDERMESH_TOKEN", "USER_ID", "OTHER_CA", "OTHER_ORDER"]
    return next((name for name in names if not os.environ.get(name)), None)


def get_user(channel: grpc.Channel) -> User:
    request = GetUserRequest(id=os.environ["USER_ID"])
    user: User = UserServiceStub(channel).GetUser(request, timeout=TIMEOUT_S)
    return user


def expect_code(call: Callable[[], object], expected: grpc.StatusCode) -> None:
    try:
        result = call()
    except grpc.RpcError as error:
        if error.code() != expected:
            raise AssertionError(f"got {error.code()}, not {expected}") from error
        return
    raise AssertionError(f"the call returned {result}")


BEHAVIOURS: dict[str, Callable[[str], None]] = {
    "certificate-and-token": certificate_and_token,
    "no-token": no_token,
    "other-ca": other_ca,
    "other-user": other_user,
}
