import type { Money } from '#mesh';

/** Something that can be ordered, and its stock. Available to new orders is `onHand - reserved`. */
export interface Item {
  readonly sku: string;
  readonly name: string;
  readonly unitPrice: Money;
  readonly onHand: bigint;
  readonly reserved: bigint;
  /** Counts every change. */
  readonly version: bigint;
  /** Counts the changes that are published under the sku: all but those by reservations. */
  readonly eventVersion: bigint;
  readonly updateTimeMs: number;
}

export type ItemDraft = Pick<Item, 'sku' | 'name' | 'unitPrice' | 'onHand'>;

/** The maximum stock of an item: far below what a 64-bit column holds, so no sum overflows it. */
export const maxOnHand = 1_000_000_000_000n;

/** The item in its first version, with nothing reserved. */
export function newItem({ sku, name, unitPrice, onHand }: ItemDraft, nowMs: number): Item {
  return { sku, name, unitPrice, onHand, reserved: 0n, version: 1n, eventVersion: 1n, updateTimeMs: nowMs };
}
