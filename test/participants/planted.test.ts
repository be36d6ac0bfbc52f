import { describe, expect, it } from 'vitest';
import { createCaller } from '../../scripts/ordermesh/verify-participant/caller.ts';
import { cleanUp } from '../../scripts/ordermesh/verify-participant/clean-up.ts';
import { createTestData } from '../../scripts/ordermesh/verify-participant/test-data.ts';
import { type RuleResult, rulesOf, verify } from '../../scripts/ordermesh/verify-participant/verify.ts';
import { participantOf } from '../../scripts/ordermesh/verify-participant/verify-participant.ts';
import { startPlantedInventory } from './testing/planted-inventory.ts';
import { startPlantedPayment } from './testing/planted-payment.ts';
import { startPlantedShipping } from './testing/planted-shipping.ts';

const starters = { inventory: startPlantedInventory, payment: startPlantedPayment, shipping: startPlantedShipping };

/** Rules that a participant cannot keep, or not always, if it breaks this one. */
const consequences: Readonly<Record<string, readonly string[]>> = {
  'takes-effect': ['zero-amount'],
  'once-per-request': ['answer-lost', 'concurrent-repeats', 'concurrent-undo'],
  'once-per-order': ['concurrent-orders'],
  'undo-takes-back': [
    'once-per-request',
    'undo-once',
    'undone-is-final',
    'answer-lost',
    'concurrent-repeats',
    'concurrent-undo',
    'commit-needs-reservation',
    'commit-or-release',
  ],
  'undo-once': ['concurrent-repeats'],
  'no-oversell': ['concurrent-undo'],
  'no-overdraft': ['concurrent-undo'],
  'undo-of-unknown': ['undo-after-refusal', 'concurrent-undo'],
  'undo-forbids-run': ['undo-after-refusal', 'concurrent-undo'],
  refusals: ['undo-after-refusal'],
  'answer-lost': ['concurrent-undo'],
  'concurrent-repeats': ['answer-lost'],
  'commit-is-final': ['commit-or-release'],
  'commit-needs-reservation': ['commit-or-release'],
  durable: ['crash'],
};

type Contract = keyof typeof starters;

/** A planted participant and what checks it. */
async function startPlanted(contract: Contract, breaks: string | undefined, deadlineMs = 10_000) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await starters[contract](breaks));
  const caller = stack.adopt(createCaller(server.address, deadlineMs), ({ close }) => close());
  const data = createTestData();
  const participant = participantOf(contract, caller, data, contract === 'shipping' ? 'AQ' : undefined);
  const started = stack.move();
  return { server, caller, data, participant, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** Rules that need restarts. They make most of the calls, so they are checked only where they matter. */
const ofRestarts: readonly (string | undefined)[] = [undefined, 'durable', 'crash'];

/** Checks a planted participant and returns its results. */
async function verifyPlanted(contract: Contract, breaks: string | undefined): Promise<RuleResult[]> {
  await using planted = await startPlanted(contract, breaks, breaks === 'in-time' ? 500 : undefined);
  const { participant, caller, server } = planted;
  return await Array.fromAsync(
    verify(participant, { caller, restart: ofRestarts.includes(breaks) ? server.restart : undefined }),
  );
}

function rulesFor(contract: string): string[] {
  const caller = createCaller('unused:1', 1);
  const options = contract === 'shipping' ? 'AQ' : undefined;
  const rules = rulesOf(participantOf(contract, caller, createTestData(), options)).map(({ name }) => name);
  caller.close();
  return [...rules, 'in-time'];
}

describe.each(['inventory', 'payment', 'shipping'] as const)('a planted participant of the contract %s', (contract) => {
  it('keeps all rules if nothing is planted', async () => {
    const results = await verifyPlanted(contract, undefined);
    expect(results.filter(({ result }) => result !== 'kept')).toEqual([]);
    expect(results.map(({ rule }) => rule)).toEqual(rulesFor(contract));
  });

  // Each has its own server and waits most of the time.
  it.concurrent.each(rulesFor(contract))('is found if it breaks %s', { timeout: 60_000 }, async (rule) => {
    const results = await verifyPlanted(contract, rule);
    const broken = results.filter(({ result }) => result === 'broken').map((one) => one.rule);
    expect(broken).toContain(rule);
    const found = results.find((one) => one.rule === rule);
    expect(found).toMatchObject({ expected: expect.stringMatching(/./), actual: expect.stringMatching(/./) });
    expect(found?.calls.length).toBeGreaterThan(0);
    expect(broken.filter((one) => one !== rule && !consequences[rule]?.includes(one))).toEqual([]);
  });
});

describe('a planted participant of the contract inventory', () => {
  it('is found if it lists reservations in the order of a language', async () => {
    const results = await verifyPlanted('inventory', 'byte-order');
    expect(results.filter(({ result }) => result === 'broken')).toMatchObject([
      { rule: 'reservations-listed', actual: expect.stringContaining('not in byte order: verify-') },
    ]);
  });
});

describe('a planted participant of the contract shipping', () => {
  it('is found if it answers with an error in place of a cancelled shipment', async () => {
    await using planted = await startPlanted('shipping', 'unreadable');
    const results = await Array.fromAsync(verify(planted.participant, planted));
    expect(results.find(({ rule }) => rule === 'undo-once')).toMatchObject({
      result: 'broken',
      expected: 'GetShipment to answer NOT_FOUND SHIPMENT_NOT_FOUND (the shipment is read)',
      actual: expect.stringMatching(/^INTERNAL /),
    });
  });

  it('is not checked for crashes if they cut nothing off', async () => {
    await using planted = await startPlanted('shipping', undefined);
    const { participant, caller } = planted;
    const results = await Array.fromAsync(verify(participant, { caller, restart: async () => undefined }));
    expect(results.filter(({ result }) => result !== 'kept')).toMatchObject([
      { rule: 'crash', result: 'not checked', expected: 'needs a kill that cuts off calls' },
    ]);
  });

  it('is left as it is after a while if it does not answer undos', { timeout: 20_000 }, async () => {
    await using planted = await startPlanted('shipping', 'no-undo', 300);
    const { participant, data } = planted;
    for (let order = 0; order < 60; order += 1) await participant.newOrder();
    const startMs = performance.now();
    expect(await cleanUp(participant, data)).toMatch(/; not undone: verify-\S+, verify-\S+, verify-\S+ and 57 more$/);
    expect(performance.now() - startMs).toBeLessThan(6_000);
  });
});

describe.each(['payment', 'shipping'] as const)('a planted participant of the contract %s', (contract) => {
  it('is found if its response has no id', async () => {
    const results = await verifyPlanted(contract, 'no-id');
    const found = results.find(({ rule }) => rule === 'takes-effect');
    expect(found).toMatchObject({ result: 'broken', expected: expect.stringContaining('an id that matches') });
  });
});
