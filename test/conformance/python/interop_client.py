"""gRPC interop cases, run by grpcio. Arguments: folder of the contracts, host:port, names of cases.

Writes one line of JSON per case: its name, and the error or null.
"""

import json
import sys
import threading

import grpc

PROTO_FOLDER, ADDRESS, *CASES = sys.argv[1:]
sys.path.insert(0, PROTO_FOLDER)
# The contracts are in the package grpc.testing, inside the namespace of grpcio.
grpc.__path__.append(f"{PROTO_FOLDER}/grpc")
messages, _ = grpc.protos_and_services("grpc/testing/messages.proto")
empty, _ = grpc.protos_and_services("grpc/testing/empty.proto")
_, services = grpc.protos_and_services("grpc/testing/test.proto")

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
TIMEOUT_SECONDS = 20


def payload(size):
    return messages.Payload(body=bytes(size))


def large_request(**fields):
    return messages.SimpleRequest(response_size=314159, payload=payload(271828), **fields)


def streaming_request(*sizes, **fields):
    parameters = [messages.ResponseParameters(size=size) for size in sizes]
    return messages.StreamingOutputCallRequest(response_parameters=parameters, **fields)


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def fails(code, call, details=None):
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code)
        if details is not None:
            equal(error.details(), details)
        return
    raise AssertionError(f"expected {code}, got an answer")


def silence_after(*requests):
    yield from requests
    threading.Event().wait(TIMEOUT_SECONDS)


def empty_unary(stub, compression=None):
    equal(stub.EmptyCall(empty.Empty(), timeout=TIMEOUT_SECONDS), empty.Empty())


def large_unary(stub, compression=None):
    answer = stub.UnaryCall(large_request(), timeout=TIMEOUT_SECONDS, compression=compression)
    equal(answer.payload.body, bytes(314159))


def client_streaming(stub, compression=None):
    requests = (messages.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    answer = stub.StreamingInputCall(requests, timeout=TIMEOUT_SECONDS, compression=compression)
    equal(answer.aggregated_payload_size, 74922)


def server_streaming(stub):
    answers = stub.StreamingOutputCall(streaming_request(*RESPONSE_SIZES), timeout=TIMEOUT_SECONDS)
    equal([len(answer.payload.body) for answer in answers], RESPONSE_SIZES)


def ping_pong(stub):
    answered = threading.Semaphore(1)

    def pings():
        for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
            if not answered.acquire(timeout=TIMEOUT_SECONDS):
                return
            yield streaming_request(response_size, payload=payload(request_size))

    sizes = []
    for answer in stub.FullDuplexCall(pings(), timeout=TIMEOUT_SECONDS):
        sizes.append(len(answer.payload.body))
        answered.release()
    equal(sizes, RESPONSE_SIZES)


def empty_stream(stub):
    equal(list(stub.FullDuplexCall(iter(()), timeout=TIMEOUT_SECONDS)), [])


def custom_metadata(stub):
    initial = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
    trailing = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
    sent = {"metadata": (initial, trailing), "timeout": TIMEOUT_SECONDS}

    def check(call):
        equal(dict(call.initial_metadata()).get(initial[0]), initial[1])
        equal(dict(call.trailing_metadata()).get(trailing[0]), trailing[1])

    _, call = stub.UnaryCall.with_call(large_request(), **sent)
    check(call)
    stream = stub.FullDuplexCall(iter([streaming_request(314159, payload=payload(271828))]), **sent)
    equal([len(answer.payload.body) for answer in stream], [314159])
    check(stream)


def status_code_and_message(stub):
    text = "test status message"
    status = messages.EchoStatus(code=2, message=text)
    request = messages.SimpleRequest(response_status=status)
    fails(grpc.StatusCode.UNKNOWN, lambda: stub.UnaryCall(request, timeout=TIMEOUT_SECONDS), text)
    requests = iter([streaming_request(response_status=status)])
    fails(grpc.StatusCode.UNKNOWN, lambda: list(stub.FullDuplexCall(requests, timeout=TIMEOUT_SECONDS)), text)


def special_status_message(stub):
    text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    request = messages.SimpleRequest(response_status=messages.EchoStatus(code=2, message=text))
    fails(grpc.StatusCode.UNKNOWN, lambda: stub.UnaryCall(request, timeout=TIMEOUT_SECONDS), text)


def unimplemented_method(stub):
    call = lambda: stub.UnimplementedCall(empty.Empty(), timeout=TIMEOUT_SECONDS)
    fails(grpc.StatusCode.UNIMPLEMENTED, call)


def unimplemented_service(stub):
    other = services.UnimplementedServiceStub(stub.channel)
    call = lambda: other.UnimplementedCall(empty.Empty(), timeout=TIMEOUT_SECONDS)
    fails(grpc.StatusCode.UNIMPLEMENTED, call)


def cancel_after_begin(stub):
    call = stub.StreamingInputCall.future(silence_after(), timeout=TIMEOUT_SECONDS)
    call.cancel()
    equal(call.cancelled(), True)
    equal(call.code(), grpc.StatusCode.CANCELLED)


def cancel_after_first_response(stub):
    request = streaming_request(31415, payload=payload(27182))
    call = stub.FullDuplexCall(silence_after(request), timeout=TIMEOUT_SECONDS)
    equal(len(next(call).payload.body), 31415)
    call.cancel()
    fails(grpc.StatusCode.CANCELLED, lambda: next(call))


def timeout_on_sleeping_server(stub):
    request = streaming_request(payload=payload(27182))
    call = stub.FullDuplexCall(silence_after(request), timeout=0.001)
    fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(call))


def client_compressed_unary_noprobe(stub):
    large_unary(stub, grpc.Compression.Gzip)
    large_unary(stub, grpc.Compression.Deflate)


def client_compressed_streaming_noprobe(stub):
    client_streaming(stub, grpc.Compression.Gzip)
    client_streaming(stub, grpc.Compression.Deflate)


def server_compressed_unary(stub):
    for value in (True, False):
        asked = messages.BoolValue(value=value)
        answer = stub.UnaryCall(large_request(response_compressed=asked), timeout=TIMEOUT_SECONDS)
        equal(len(answer.payload.body), 314159)


def server_compressed_streaming(stub):
    request = streaming_request(31415, 92653)
    request.response_parameters[0].compressed.value = True
    request.response_parameters[1].compressed.value = False
    answers = stub.StreamingOutputCall(request, timeout=TIMEOUT_SECONDS)
    equal([len(answer.payload.body) for answer in answers], [31415, 92653])


def run(case):
    with grpc.insecure_channel(ADDRESS) as channel:
        stub = services.TestServiceStub(channel)
        stub.channel = channel
        try:
            globals()[case](stub)
            return None
        except Exception as error:
            return f"{type(error).__name__}: {error}"


for name in CASES:
    print(json.dumps({"case": name, "fault": run(name)}), flush=True)
