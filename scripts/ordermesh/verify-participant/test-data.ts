import { randomBytes } from 'node:crypto';
import type { TestOrder } from './participant.ts';

/** What a run creates. All its ids begin with `prefix`, so nothing else has them. */
export interface TestData {
  /** `verify-1f2e3d4c` */
  readonly prefix: string;
  /** All orders that the participant may have seen. */
  readonly orders: readonly TestOrder[];
  newId(): string;
  /** Adds an order and returns it. */
  track(order: TestOrder): TestOrder;
}

export function createTestData(): TestData {
  const prefix = `verify-${randomBytes(4).toString('hex')}`;
  const orders: TestOrder[] = [];
  let count = 0;
  return {
    prefix,
    orders,
    newId() {
      count += 1;
      return `${prefix}-${String(count).padStart(4, '0')}`;
    },
    track(order) {
      orders.push(order);
      return order;
    },
  };
}

/** Returns the ids of test data in a text. */
export function testIdsIn(text: string): string[] {
  return text.match(/\bverify-[0-9a-f]{8}-\d{4}[\w-]*/g) ?? [];
}

export const testAddress = {
  recipient: 'Ada Lovelace',
  lines: ['1 Test Street'],
  city: 'Springfield',
  postalCode: '12345',
  countryCode: 'US',
};
