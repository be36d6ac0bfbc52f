"""Calls a server while it restarts, with grpcio: unary calls and streams that wait for a connection.

Writes a line every 20 calls until its input ends, then a summary as JSON.
"""

import json
import sys
import threading

import grpc

WORKERS = 3
OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 300),
]

lock = threading.Lock()
seen = {"calls": 0, "streams": 0, "failures": []}
over = threading.Event()


def work(kind, make):
    while not over.is_set():
        failure = None
        try:
            make()
        except grpc.RpcError as error:
            failure = f"{error.code().name}: {error.details()}"
        with lock:
            seen[kind] += 1
            if failure is not None:
                seen["failures"].append(failure)
            if (seen["calls"] + seen["streams"]) % 20 == 0:
                print("on", flush=True)


def main():
    channel = grpc.insecure_channel(sys.argv[1], options=OPTIONS)
    same = {"request_serializer": bytes, "response_deserializer": bytes}
    unary = channel.unary_unary("/user.v1.UserService/BatchGetUsers", **same)
    stream = channel.unary_stream("/user.v1.UserService/ListUsers", **same)
    call = {"timeout": 30, "wait_for_ready": True}
    kinds = {
        "calls": lambda: unary(b"\x0a\x02u1", **call),
        "streams": lambda: list(stream(b"", **call)),
    }
    threads = [threading.Thread(target=work, args=kind) for kind in kinds.items() for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(seen))


main()
