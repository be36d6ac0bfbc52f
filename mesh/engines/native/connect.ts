import { TimerWheel } from '../../time/timer-wheel.ts';
import type { Transport } from '../engine.ts';
import { ClientCall, type ClientCallTools } from './grpc/client/client-call.ts';
import { Endpoint, type EndpointState } from './grpc/client/endpoint.ts';
import type { EndpointOptions } from './grpc/client/endpoint-options.ts';
import { makeCalls } from './grpc/client/make-calls.ts';

/** A transport that can tell whether it is connected. */
export interface NativeTransport extends Transport {
  readonly state: EndpointState;
  /** Connects without a call, if it is idle. */
  connect(): void;
}

export interface NativeConnectOptions extends EndpointOptions {
  /** The maximum size of a response message. Larger ones are RESOURCE_EXHAUSTED. Default: 4 MiB. */
  readonly maxReceiveBytes?: number;
}

const timers = new TimerWheel();

/** A transport to `host:port` or `unix:/path` on the native HTTP/2 engine. */
export function connectNative(
  address: string,
  { maxReceiveBytes = 4 * 1024 * 1024, ...options }: NativeConnectOptions = {},
): NativeTransport {
  const endpoint = new Endpoint(address, options);
  const tools: ClientCallTools = { open: (call) => endpoint.open(call), timers, maxReceiveBytes };
  return {
    get lastReceivedMs() {
      return endpoint.lastReceivedMs;
    },
    get state() {
      return endpoint.state;
    },
    connect: () => endpoint.connect(),
    ...makeCalls((method, call, listener) => new ClientCall(method, call, listener, tools)),
    close: () => endpoint.close(),
    abort: () => endpoint.abort(),
  };
}
