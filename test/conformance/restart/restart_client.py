"""Calls a server while it restarts, with grpcio: restart_client.py <address> [<calls|streams>:<path>:<request in hex> ...].

Without calls in the arguments it calls the user service and waits for a connection, as fast as it can. Calls in the arguments
are made 5 times a second each, and fail without a connection. Writes its counts as JSON every 20 calls and after each failure
until its input ends, then a summary. TLS_CA, TLS_CERT, TLS_KEY and ORDERMESH_TOKEN say how it reaches the server.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import grpc

DEFAULT_CALLS = ["calls:/user.v1.UserService/BatchGetUsers:0a027531", "streams:/user.v1.UserService/ListUsers:"] * 3
# With them, each attempt to connect has 50 ms too: too little on a busy machine for calls that do not wait.
WAITING_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 300),
]

lock = threading.Lock()
seen = {"calls": 0, "streams": 0, "failures": []}
over = threading.Event()


def work(kind, make, pause):
    while not over.is_set():
        time.sleep(pause)
        failure = None
        try:
            make()
        except grpc.RpcError as error:
            failure = f"{error.code().name}: {error.details()}"
        with lock:
            seen[kind] += 1
            if failure is not None:
                seen["failures"].append(failure)
            if failure is not None or (seen["calls"] + seen["streams"]) % 20 == 0:
                print(json.dumps({**seen, "failures": len(seen["failures"])}), flush=True)


def connect(address, options):
    ca, cert, key = (os.environ.get(name) for name in ("TLS_CA", "TLS_CERT", "TLS_KEY"))
    if not ca:
        return grpc.insecure_channel(address, options=options)
    own = [Path(file).read_bytes() if file else None for file in (key, cert)]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(Path(ca).read_bytes(), *own), options=options)


def main():
    waits = len(sys.argv) == 2
    channel = connect(sys.argv[1], WAITING_OPTIONS if waits else None)
    same = {"request_serializer": bytes, "response_deserializer": bytes}
    call = {"timeout": 30, "wait_for_ready": waits}
    token = os.environ.get("ORDERMESH_TOKEN")
    if token:
        call["metadata"] = (("authorization", f"Bearer {token}"),)

    def caller(argument):
        kind, path, request = argument.split(":")
        request = bytes.fromhex(request)
        if kind == "calls":
            unary = channel.unary_unary(path, **same)
            return kind, lambda: unary(request, **call)
        stream = channel.unary_stream(path, **same)
        return kind, lambda: list(stream(request, **call))

    pause = 0 if waits else 0.2
    callers = [caller(argument) for argument in sys.argv[2:] or DEFAULT_CALLS]
    threads = [threading.Thread(target=work, args=(*each, pause)) for each in callers]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(seen))


main()
