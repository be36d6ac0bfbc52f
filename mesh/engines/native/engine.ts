import { TimerWheel } from '../../time/timer-wheel.ts';
import type { ConnectOptions, Engine, Transport } from '../engine.ts';
import { ClientCall, type ClientCallTools } from './grpc/client/client-call.ts';
import { Endpoint } from './grpc/client/endpoint.ts';
import type { EndpointOptions } from './grpc/client/endpoint-options.ts';
import { makeCalls } from './grpc/client/make-calls.ts';
import { NativeRawEndpoint } from './grpc/forward/raw-endpoint.ts';
import { createServerHost } from './grpc/server/server-host.ts';

/** The native engine: our own HTTP/2, over `node:net`. */
export const nativeEngine: Engine = { name: 'native', createServerHost, connect: connectNative, connectRaw };

const timers = new TimerWheel();

/** A transport to `host:port` on the native HTTP/2 engine. Responses above 4 MiB fail with RESOURCE_EXHAUSTED. */
export function connectNative(address: string, options: EndpointOptions = {}): Transport {
  const endpoint = new Endpoint(address, options);
  const tools: ClientCallTools = { open: (call) => endpoint.open(call), timers, maxReceiveBytes: 4 * 1024 * 1024 };
  return {
    get lastReceivedMs() {
      return endpoint.lastReceivedMs;
    },
    ...makeCalls((method, call, listener) => new ClientCall(method, call, listener, tools)),
    close: () => endpoint.close(),
    abort: () => endpoint.abort(),
  };
}

/** Returns the connections to `host:port` for forwarded calls. */
function connectRaw(address: string, options: ConnectOptions = {}): NativeRawEndpoint {
  return new NativeRawEndpoint(address, options);
}
