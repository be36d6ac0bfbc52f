import type { Engine } from '../engine.ts';
import { connectGrpcJs } from './client/transport.ts';
import { createServerHost } from './server/server-host.ts';

/** The reference engine, on `@grpc/grpc-js`. */
export const grpcJsEngine: Engine = { name: 'grpc-js', createServerHost, connect: connectGrpcJs };
