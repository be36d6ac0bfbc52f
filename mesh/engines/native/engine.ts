import type { Engine } from '../engine.ts';
import { connectNative } from './grpc/client/transport.ts';
import { createServerHost } from './grpc/server/server-host.ts';

/** The native engine: our own HTTP/2, over `node:net`. */
export const nativeEngine: Engine = { name: 'native', createServerHost, connect: connectNative };
