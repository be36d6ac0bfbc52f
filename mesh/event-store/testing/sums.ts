import { systemClock as clock } from '../../time/clock.ts';
import type { AggregateDefinition, AggregateOptions } from '../aggregates/aggregate.ts';
import { createAggregates } from '../aggregates/create-aggregates.ts';
import { defineEventTypes } from '../aggregates/event-types.ts';
import { logger, openStore } from './fixture.ts';

/** The only event of a sum. */
export type Added = { readonly type: 'ADDED'; readonly amount: bigint };

/** The aggregate of the tests: the sum of what was added. */
export const sumDefinition = {
  category: 'sum',
  events: defineEventTypes<Added>({
    ADDED: {
      // Version 1 had whole units, as numbers.
      upcasters: [({ units }) => ({ amount: `${Number(units) * 100}` })],
      encode: ({ amount }) => ({ amount: amount.toString() }),
      decode: ({ amount }) => ({ type: 'ADDED', amount: BigInt(String(amount)) }),
    },
  }),
  evolve: (sum = 0n, { amount }) => sum + amount,
  snapshots: {
    every: 10,
    schemaVersion: 1,
    encode: (sum) => ({ sum: sum.toString() }),
    decode: ({ sum }) => BigInt(String(sum)),
  },
} satisfies AggregateDefinition<bigint, Added>;

/** Opens sums until the test is finished. */
export async function openSums(
  url: string,
  options: Partial<AggregateOptions<Added>> = {},
  definition: AggregateDefinition<bigint, Added> = sumDefinition,
) {
  const opened = await openStore(url);
  return { ...opened, sums: createAggregates(definition, { ...opened, clock, logger, ...options }) };
}
