import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import type { OutboxEntry } from './outbox-table.ts';
import { sendBatch } from './send-batch.ts';

const refused = new MeshError(Status.INVALID_ARGUMENT, 'EVENT_REFUSED', 'refused by the test');

function entryOf(id: bigint): OutboxEntry {
  return { id, destination: 'topic', key: 'key', headers: {}, value: new Uint8Array(1), timeMs: 0 };
}

/** Sends entries of which those with an even id are refused. Returns the ids of each attempt, too. */
async function sendRefusingEven(ids: readonly bigint[]) {
  const attempts: bigint[][] = [];
  const sent = await sendBatch(ids.map(entryOf), {
    async send(entries) {
      attempts.push(entries.map(({ id }) => id));
      if (entries.some(({ id }) => id % 2n === 0n)) throw refused;
    },
    isRetryable: () => false,
  });
  return { attempts, done: sent.done, refused: sent.refusals.map(({ entry }) => entry.id) };
}

it('sends a refused entry once if it is the only one of its batch', async () => {
  expect(await sendRefusingEven([2n])).toEqual({ attempts: [[2n]], done: [], refused: [2n] });
});

it('finds the refused entries of a batch one by one', async () => {
  expect(await sendRefusingEven([1n, 2n, 3n])).toEqual({
    attempts: [[1n, 2n, 3n], [1n], [2n], [3n]],
    done: [1n, 3n],
    refused: [2n],
  });
});
