import { describe, expect, it, onTestFinished } from 'vitest';
import { createCaller } from '../../scripts/ordermesh/verify-participant/caller.ts';
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
  'once-per-request': ['answer-lost', 'concurrent-repeats', 'concurrent-undo', 'durable', 'crash'],
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
    'durable',
    'crash',
  ],
  'undo-once': ['concurrent-repeats'],
  'undo-of-unknown': ['undo-after-refusal', 'concurrent-undo'],
  'undo-forbids-run': ['undo-after-refusal', 'concurrent-undo', 'durable'],
  'undone-is-final': ['durable'],
  refusals: ['undo-after-refusal'],
  'answer-lost': ['concurrent-undo'],
  'concurrent-repeats': ['answer-lost'],
  'commit-is-final': ['commit-or-release'],
  'commit-needs-reservation': ['commit-or-release'],
  durable: ['crash'],
};

/** Checks a planted participant and returns its results. */
async function verifyPlanted(contract: keyof typeof starters, breaks: string | undefined): Promise<RuleResult[]> {
  const server = await starters[contract](breaks);
  const caller = createCaller(server.address, breaks === 'in-time' ? 500 : 10_000);
  onTestFinished(async () => {
    caller.close();
    await server[Symbol.asyncDispose]();
  });
  const options = contract === 'shipping' ? 'AQ' : undefined;
  const participant = participantOf(contract, caller, createTestData(), options);
  return await Array.fromAsync(verify(participant, { caller, restart: server.restart }));
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

  it.each(rulesFor(contract))('is found if it breaks %s', async (rule) => {
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

describe.each(['payment', 'shipping'] as const)('a planted participant of the contract %s', (contract) => {
  it('is found if its response has no id', async () => {
    const results = await verifyPlanted(contract, 'no-id');
    const found = results.find(({ rule }) => rule === 'takes-effect');
    expect(found).toMatchObject({ result: 'broken', expected: expect.stringContaining('an id that matches') });
  });
});
