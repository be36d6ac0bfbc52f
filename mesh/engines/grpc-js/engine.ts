import type { Engine } from '../engine.ts';
import { createServerHost } from './server-host.ts';
import { connectGrpcJs } from './transport.ts';

/** The reference engine, on `@grpc/grpc-js`. */
export const grpcJsEngine: Engine = { name: 'grpc-js', createServerHost, connect: connectGrpcJs };
