import type { Engine } from '../engine.ts';
import { connectNative } from './grpc/client/transport.ts';
import { createServerHost } from './grpc/server/server-host.ts';

/** The engine on HTTP/2 of our own, over `node:net`. */
export const nativeEngine: Engine = { name: 'native', createServerHost, connect: connectNative };
