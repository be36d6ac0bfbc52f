"""Serves or makes a call that is silent for a while, with grpcio, whose limits for pings can be set.

pings.py serve PORT MIN_INTERVAL_MS: serves /pings/Wait, which answers after the milliseconds in its request. Clients may ping
every MIN_INTERVAL_MS.
pings.py call ADDRESS KEEPALIVE_MS WAIT_MS: calls it, pings every KEEPALIVE_MS meanwhile, and writes the code and the details.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc


def serve(port, min_interval_ms):
    def wait(request, _):
        time.sleep(int(request) / 1000)
        yield b"done"

    options = [
        ("grpc.http2.min_recv_ping_interval_without_data_ms", int(min_interval_ms)),
        ("grpc.http2.max_ping_strikes", 2),
    ]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    method = grpc.unary_stream_rpc_method_handler(wait, request_deserializer=bytes, response_serializer=bytes)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("pings", {"Wait": method})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def call(address, keepalive_ms, wait_ms):
    options = [
        ("grpc.keepalive_time_ms", int(keepalive_ms)),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    channel = grpc.insecure_channel(address, options=options)
    method = channel.unary_stream("/pings/Wait", request_serializer=bytes, response_deserializer=bytes)
    try:
        print("OK", [message.decode() for message in method(wait_ms.encode())])
    except grpc.RpcError as error:
        print(error.code().name, error.details())


{"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
