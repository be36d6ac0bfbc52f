import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import type { Transaction } from '../storage/storage.ts';
import { createDefinitions } from './definitions.ts';
import { type SagaProgress, type StepContext, saga } from './saga.ts';

interface Placed {
  readonly id: string;
}

const context: StepContext = { sagaId: 'saga-1', requestId: 'request-1', signal: new AbortController().signal };

describe('saga', () => {
  it('adds to the data what a step keeps, and nothing else of its answer', async () => {
    const reserve = vi.fn(async () => ({ id: 'reservation-1' }));
    const { steps } = saga<Placed>('place', 1)
      .step('reserve', { run: reserve })
      .step('charge', { run: async () => ({ id: 'payment-1' }), keep: ({ id }) => ({ paymentId: id }) });
    const [reserved, charged] = await Promise.all(steps.map(({ run }) => run({ id: 'order-1' }, context)));
    expect(reserve).toHaveBeenCalledExactlyOnceWith({ id: 'order-1' }, context);
    expect(reserved).toBeUndefined();
    expect(charged).toEqual({ paymentId: 'payment-1' });
  });

  it('gives later steps what earlier ones keep, and an undo only what was known before its step', () => {
    saga<Placed>('place', 1)
      .step('charge', {
        run: async (order) => expectTypeOf(order).toEqualTypeOf<Placed>(),
        keep: () => ({ paymentId: 'payment-1' }),
        undo: async (order) => expectTypeOf(order).toEqualTypeOf<Placed>(),
      })
      .pivot('ship', {
        run: async (order) => expectTypeOf(order.paymentId).toEqualTypeOf<string>(),
      });
  });

  it('reports which state a step reaches, and what may have been kept by then', () => {
    saga<Placed>('place', 1)
      .step('charge', { run: async () => 'payment-1', keep: (paymentId) => ({ paymentId }), reaches: 'PAID' })
      .step('notify', { run: async () => undefined })
      .pivot('ship', { run: async () => undefined, reaches: 'SHIPPED' })
      .onProgress(async (_tx, progress) => {
        expectTypeOf(progress.data.paymentId).toEqualTypeOf<string | undefined>();
        if (progress.at !== 'step-done') return;
        expectTypeOf(progress.reached).toEqualTypeOf<'PAID' | 'SHIPPED' | undefined>();
      });
  });

  it('is a definition after each call, and changes none that it came from', async () => {
    const first = saga<Placed>('place', 2, { timeoutMs: 1_000 }).step('reserve', { run: async () => undefined });
    const reports: string[] = [];
    const second = first
      .pivot('ship', { run: async () => undefined, reaches: 'SHIPPED', timeoutMs: 5 })
      .onProgress(async (_tx, { at }) => void reports.push(at));
    expect(first.steps.map(({ name }) => name)).toEqual(['reserve']);
    expect(second).toMatchObject({
      name: 'place',
      version: 2,
      timeoutMs: 1_000,
      steps: [{ name: 'reserve' }, { name: 'ship', pivot: true, reaches: 'SHIPPED', timeoutMs: 5 }],
    });
    const completed: SagaProgress<Placed> = { sagaId: 'saga-1', at: 'completed', data: { id: 'order-1' } };
    await first.report({} as Transaction, completed);
    await second.report({} as Transaction, completed);
    expect(reports).toEqual(['completed']);
  });
});

describe('onProgress', () => {
  it('refuses a second report, which would replace the first', () => {
    const definition = saga<Placed>('place', 1).onProgress(async () => undefined);
    expect(() => definition.onProgress(async () => undefined)).toThrow('has two onProgress');
  });
});

describe('the definitions of an engine', () => {
  const run = async () => undefined;

  it.each([
    ['no steps', saga<Placed>('place', 1), 'has no steps'],
    ['two steps with one name', saga<Placed>('place', 1).step('a', { run }).step('a', { run }), 'with the same name'],
    ['two pivots', saga<Placed>('place', 1).pivot('a', { run }).pivot('b', { run }), 'has two pivots'],
  ])('refuse a saga with %s', (_, definition, fault) => {
    expect(() => createDefinitions([definition])).toThrow(fault);
  });

  it('refuse two sagas of one name and version', () => {
    const definition = saga<Placed>('place', 1).step('a', { run });
    expect(() => createDefinitions([definition, definition])).toThrow('is defined twice');
  });
});
