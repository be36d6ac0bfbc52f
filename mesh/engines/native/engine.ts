import type { ConnectOptions, Engine } from '../engine.ts';
import { connectNative } from './connect.ts';
import { beginForwardCall } from './grpc/forward/begin-forward-call.ts';
import { NativeRawEndpoint } from './grpc/forward/raw-endpoint.ts';
import { createServerHost } from './grpc/server/server-host.ts';

/** The native engine: our own HTTP/2, over `node:net`. */
export const nativeEngine: Engine = {
  name: 'native',
  createServerHost: (options) => createServerHost(options, beginForwardCall),
  connect: connectNative,
  connectRaw,
};

/** Returns the connections to `host:port` for forwarded calls. */
function connectRaw(address: string, options: ConnectOptions = {}): NativeRawEndpoint {
  return new NativeRawEndpoint(address, options);
}
