import type { Engine } from '../engine.ts';
import { createServerHost } from './grpc/server-host.ts';
import { connectNative } from './grpc/transport.ts';

/** The engine on HTTP/2 of our own, over `node:net`. */
export const nativeEngine: Engine = { name: 'native', createServerHost, connect: connectNative };
