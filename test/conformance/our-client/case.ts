import { Metadata } from 'nice-grpc-common';
import type { Transport, TransportCall } from '../../../mesh/engines/engine.ts';
import type { TestMethods } from '../test-service/methods.ts';

/** What a case runs with: our way to the server, and what the server has. */
export interface Client {
  readonly transport: Transport;
  readonly methods: TestMethods;
}

/** Resolves when the server answered as the description of the case says. */
export type ClientCase = (client: Client) => Promise<void>;

/** A call without metadata that may last 20 s, or as the case has it. */
export function callOf(options: Partial<TransportCall> = {}): TransportCall {
  return { metadata: Metadata(), deadlineMs: Date.now() + 20_000, signal: undefined, ...options };
}

/** Sends all of these. */
export async function* stream<T>(...messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}
