// Also loaded for what it mends in grpc-js: connection attempts end after `grpc.min_reconnect_backoff_ms`.
import 'nice-grpc';
import { Channel, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { Status } from 'nice-grpc-common';
import type { EngineMethod, Transport, TransportCall } from '../engine.ts';
import { toBuffer } from './metadata.ts';
import { pumpRequests } from './request-pump.ts';
import { createResponseStream } from './response-stream.ts';
import { localError, startWireCall, undecodableText, type WireCall, type WireListener } from './wire-call.ts';

const channelOptions: ChannelOptions = {
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.min_reconnect_backoff_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
};

/**
 * A transport to `host:port` on grpc-js. It connects with the first call and gives an attempt 5 s; after a lost
 * connection it tries again after 0.1 s, growing to 1 s. Responses over 4 MiB fail with RESOURCE_EXHAUSTED.
 */
export function connectGrpcJs(address: string): Transport {
  const channel = new Channel(address, credentials.createInsecure(), channelOptions);
  let closed = false;
  const start: StartCall = (path, call, listener) => {
    if (closed) throw localError(path, Status.UNAVAILABLE, `the connection to ${address} was closed by this client`);
    return startWireCall(channel, path, call, listener);
  };
  return {
    unary: (method, request, call) =>
      new Promise((resolve, reject) => {
        const bytes = method.encodeRequest(request);
        const wire = start(method.path, call, singleResponse(method, resolve, reject));
        wire.startRead();
        sendOnly(wire, bytes);
      }),
    serverStreaming: (method, request, call) =>
      createResponseStream(method.decodeResponse, (listener) => {
        const bytes = method.encodeRequest(request);
        const wire = start(method.path, call, listener);
        sendOnly(wire, bytes);
        return wire;
      }),
    clientStreaming: (method, requests, call) =>
      new Promise((resolve, reject) => {
        const listener = singleResponse(method, resolve, reject);
        startPumpedCall(start, method, { requests, call, listener }).startRead();
      }),
    bidiStreaming: (method, requests, call) =>
      createResponseStream(method.decodeResponse, (listener) =>
        startPumpedCall(start, method, { requests, call, listener }),
      ),
    close() {
      closed = true;
      channel.close();
    },
  };
}

type StartCall = (path: string, call: TransportCall, listener: WireListener) => WireCall;

function sendOnly(wire: WireCall, bytes: Uint8Array): void {
  wire.sendMessageWithContext({}, toBuffer(bytes));
  wire.halfClose();
}

function singleResponse<Request, Response>(
  method: EngineMethod<Request, Response>,
  resolve: (response: Response) => void,
  reject: (error: unknown) => void,
): WireListener {
  let received: Buffer | undefined;
  return {
    onMessage(bytes) {
      received = bytes;
    },
    onEnd(error) {
      if (error) return reject(error);
      if (!received)
        return reject(localError(method.path, Status.INTERNAL, 'the server answered OK without a message'));
      try {
        resolve(method.decodeResponse(received));
      } catch (fault) {
        reject(localError(method.path, Status.INTERNAL, undecodableText(fault)));
      }
    },
  };
}

interface PumpedCall<Request> {
  readonly requests: AsyncIterable<Request>;
  readonly call: TransportCall;
  readonly listener: WireListener;
}

// A source of requests that fails ends its call, and its own error is what the caller gets.
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
    onFault(error) {
      fault = { error };
      wire.cancelWithStatus(Status.CANCELLED, 'the source of requests failed');
    },
  });
  return wire;
}
