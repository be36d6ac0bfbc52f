import { setTimeout as delay } from 'node:timers/promises';
import { Metadata } from 'nice-grpc-common';
import type { EngineMethod, Transport } from '../../../mesh/engines/engine.ts';
import { engineByName } from '../../../mesh/engines/engines.ts';
import { clientTls } from './wire.ts';

/** The calls of a well-behaved client. */
export interface GoodCalls {
  readonly calls: number;
  readonly errors: readonly unknown[];
}

const everyMs = 20;
const deadlineMs = 20_000;
const same = (bytes: Uint8Array) => bytes;
const good: EngineMethod<Uint8Array, Uint8Array> = {
  path: '/attacked/Good',
  kind: 'unary',
  encodeRequest: same,
  decodeRequest: same,
  encodeResponse: same,
  decodeResponse: same,
};

/**
 * Runs an attack while a well-behaved client calls 50 times per second over its own connection, and once more after the
 * attack.
 */
export async function callDuring(port: number, attack: () => Promise<void>): Promise<GoodCalls> {
  const engine = await engineByName('native');
  const transport = engine.connect(`127.0.0.1:${port}`, { tls: clientTls(port) });
  const errors: unknown[] = [];
  let calls = 0;
  const call = async () => {
    calls += 1;
    await callOnce(transport).catch((error) => errors.push(error));
  };
  let isOver = false;
  const calling = (async () => {
    for (; !isOver; await delay(everyMs)) await call();
  })();
  try {
    await attack();
  } finally {
    isOver = true;
    await calling;
    await call();
    transport.close();
  }
  return { calls, errors };
}

async function callOnce(transport: Transport): Promise<void> {
  const request = Buffer.from('good');
  const call = { metadata: Metadata(), deadlineMs: Date.now() + deadlineMs, signal: undefined };
  const answer = await transport.unary(good, request, call);
  if (!request.equals(answer)) throw new Error(`wrong response: ${Buffer.from(answer).toString('hex')}`);
}
