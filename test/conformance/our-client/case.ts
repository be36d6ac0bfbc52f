import { Metadata } from 'nice-grpc-common';
import type { Transport, TransportCall } from '../../../mesh/engines/engine.ts';
import type { TestMethods } from '../test-service/methods.ts';

/** Our transport to the server, and the server's methods. */
export interface Client {
  readonly transport: Transport;
  readonly methods: TestMethods;
}

/** Passes if the server responds as the case describes. */
export type ClientCase = (client: Client) => Promise<void>;

/** Options of a call: no metadata and a deadline of 20 s unless set. */
export function callOf(options: Partial<TransportCall> = {}): TransportCall {
  return { metadata: Metadata(), deadlineMs: Date.now() + 20_000, signal: undefined, ...options };
}

export async function* stream<T>(...messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}
