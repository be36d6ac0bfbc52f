// Loaded for its fix of grpc-js: connection attempts end after `grpc.min_reconnect_backoff_ms`.
import 'nice-grpc';
import { Status } from 'nice-grpc-common';
import type { ConnectOptions, EngineMethod, Transport, TransportCall } from '../../engine.ts';
import { fixClientCalls } from '../library-fixes.ts';
import { toBuffer } from '../metadata.ts';
import { createChannels } from './channels.ts';
import { keepSessions } from './keep-sessions.ts';
import { type SentCall, startOneRequest } from './one-request-call.ts';
import { pumpRequests } from './request-pump.ts';
import { createResponseStream } from './response-stream.ts';
import {
  abortedText,
  localError,
  startWireCall,
  undecodableText,
  unsentError,
  type WireCall,
  type WireListener,
  writeContext,
} from './wire-call.ts';

fixClientCalls();
keepSessions();

/**
 * A transport to `host:port` on grpc-js. It connects with the first call, for at most 5 s. After a lost connection it retries
 * after 0.1 s, growing to 1 s. Responses above 4 MiB fail with RESOURCE_EXHAUSTED.
 */
export function connectGrpcJs(address: string, options: ConnectOptions = {}): Transport {
  const channels = createChannels(address, options);
  const open = new Set<WireCall>();
  let closed = false;
  const start: StartCall = (path, call, listener) => {
    if (closed) throw unsentError(path, `the connection to ${address} was closed by this client`);
    const { channel, release } = channels.hold(call);
    const ended = (wire: WireCall) => {
      open.delete(wire);
      release();
    };
    const wire = startWireCall({ channel, path, call, listener, explain: channels.explain, ended });
    open.add(wire);
    return wire;
  };
  const close = () => {
    closed = true;
    channels.close();
  };
  const startOf = (path: string, call: TransportCall) => (listener: WireListener) => start(path, call, listener);
  return {
    unary: (method, request, call) =>
      singleResponse(method, (listener) => {
        const send = sender(method.encodeRequest(request), writeContext(call, request));
        return startOneRequest({ start: startOf(method.path, call), send, listener, maxOpenings: call.maxOpenings });
      }),
    serverStreaming: (method, request, call) =>
      createResponseStream(method.decodeResponse, (listener) => {
        const send = sender(method.encodeRequest(request), writeContext(call, request));
        return startOneRequest({ start: startOf(method.path, call), send, listener, maxOpenings: call.maxOpenings });
      }),
    clientStreaming: (method, requests, call) =>
      singleResponse(method, (listener) => startPumpedCall(start, method, { requests, call, listener })),
    bidiStreaming: (method, requests, call) =>
      createResponseStream(method.decodeResponse, (listener) =>
        startPumpedCall(start, method, { requests, call, listener }),
      ),
    close,
    abort() {
      close();
      for (const wire of open) wire.cancelWithStatus(Status.UNAVAILABLE, abortedText);
    },
  };
}

type StartCall = (path: string, call: TransportCall, listener: WireListener) => WireCall;

/** Sends one request and half-closes. */
function sender(bytes: Uint8Array, context: ReturnType<typeof writeContext>): (wire: WireCall) => void {
  return (wire) => {
    wire.sendMessageWithContext(context, toBuffer(bytes));
    wire.halfClose();
  };
}

/** Makes a call with one response. */
function singleResponse<Request, Response>(
  { path, decodeResponse }: EngineMethod<Request, Response>,
  open: (listener: WireListener) => SentCall,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    let received: Buffer | undefined;
    const sent = open({
      onMessage(bytes) {
        if (received !== undefined)
          return sent.cancelWithStatus(Status.UNIMPLEMENTED, 'the server returned more than one message');
        received = bytes;
        // Without this, grpc-js would wait with the status as long as there is another message.
        sent.startRead();
      },
      onEnd(error) {
        if (error) return reject(error);
        if (!received)
          return reject(localError(path, Status.UNIMPLEMENTED, 'the server returned OK without a message'));
        try {
          resolve(decodeResponse(received));
        } catch (fault) {
          reject(localError(path, Status.INTERNAL, undecodableText(fault)));
        }
      },
    });
    sent.startRead();
  });
}

interface PumpedCall<Request> {
  readonly requests: AsyncIterable<Request>;
  readonly call: TransportCall;
  readonly listener: WireListener;
}

// If the source of requests throws, the call ends and the caller gets that error.
function startPumpedCall<Request, Response>(
  start: StartCall,
  method: EngineMethod<Request, Response>,
  { requests, call, listener }: PumpedCall<Request>,
): WireCall {
  let fault: { error: unknown } | undefined;
  let stop: (() => void) | undefined;
  const wire = start(method.path, call, {
    onMessage: listener.onMessage,
    onEnd(error) {
      stop?.();
      listener.onEnd(fault ? fault.error : error);
    },
  });
  stop = pumpRequests(wire, {
    requests,
    encode: method.encodeRequest,
    contextOf: (request) => writeContext(call, request),
    onFault(error) {
      fault = { error };
      wire.cancelWithStatus(Status.CANCELLED, 'the source of requests failed');
    },
  });
  return wire;
}
