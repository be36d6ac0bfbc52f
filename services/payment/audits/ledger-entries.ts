import { type Clock, type EventStore, type RecordedEvent, sleep, yieldEvery } from '#mesh';
import { accountEventTypes, accountIdOf, isOfAccount } from '../streams/account-stream.ts';
import { isOfPayment, orderIdOf, paymentEventTypes } from '../streams/payment-stream.ts';

/** One side of a charge or a refund, from an event of the account or of the payment. */
export interface LedgerEntry {
  readonly orderId: string;
  readonly accountId: string;
  /** Positive: charged to the account; negative: refunded. The opposite for payments, so both sides sum to zero. */
  readonly minorUnits: bigint;
}

export interface SumOptions<Key> {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Returns the key to sum an entry by; `undefined`: the entry is skipped. */
  readonly keyOf: (entry: LedgerEntry) => Key | undefined;
  /** Called with an event that cannot be read, and the error. The event is skipped. */
  readonly refused: (event: RecordedEvent, error: unknown) => void;
}

export interface Sums<Key> {
  readonly entries: number;
  /** The sums that are not zero, by key. */
  readonly differences: ReadonlyMap<Key, bigint>;
}

const orderReference = 'order:';
const batchSize = 500;
const settlingMs = 10;

/**
 * Sums all entries by key. Holds only keys whose sum is not zero. Differences that disappear in a second read of new events
 * are ignored: the other side of a charge in progress may follow later.
 */
export async function sumEntries<Key>({ keyOf, refused, ...options }: SumOptions<Key>): Promise<Sums<Key>> {
  const { store } = options;
  const sums = new Map<Key, bigint>();
  let count = 0;
  let onZero = (_: Key): void => undefined;

  async function add(event: RecordedEvent): Promise<void> {
    const entry = await readEntry(store, event).catch((error: unknown) => refused(event, error));
    const key = entry && keyOf(entry);
    if (!entry || key === undefined) return;
    count += 1;
    const sum = (sums.get(key) ?? 0n) + entry.minorUnits;
    if (sum !== 0n) sums.set(key, sum);
    else if (sums.delete(key)) onZero(key);
  }

  const position = await readToHead(options, 0n, add);
  const differing = new Set(sums.keys());
  onZero = (key) => differing.delete(key);
  // Both sides are committed together: if one was read, the other is before the current head.
  if (differing.size > 0) await readToHead(options, position, add);
  return { entries: count, differences: new Map([...differing].map((key) => [key, sums.get(key) ?? 0n])) };
}

/** Reads up to the current head, and waits for events that are not settled yet. Returns its position. */
async function readToHead(
  { store, clock, signal }: Pick<SumOptions<unknown>, 'store' | 'clock' | 'signal'>,
  after: bigint,
  each: (event: RecordedEvent) => Promise<void>,
): Promise<bigint> {
  const yieldToOthers = yieldEvery();
  let [position, head] = [after, await store.head()];
  while (position < head) {
    signal.throwIfAborted();
    const events = await store.readAll(position, batchSize);
    for (const event of events) {
      await each(event);
      await yieldToOthers();
    }
    position = events.at(-1)?.position ?? position;
    if (events.length > 0) continue;
    await sleep(clock, settlingMs, signal);
    // The last event is gone if a database was repaired by hand.
    const last = await store.head();
    if (last < head) head = last;
  }
  return position;
}

/** Returns the charge or refund of an event; `undefined` if it has none. Throws if the event cannot be read. */
async function readEntry(store: EventStore, event: RecordedEvent): Promise<LedgerEntry | undefined> {
  if (event.fault) throw event.fault;
  if (isOfAccount(event)) return entryOfAccount(event);
  return isOfPayment(event) ? await entryOfPayment(store, event) : undefined;
}

function entryOfAccount(event: RecordedEvent): LedgerEntry | undefined {
  const change = accountEventTypes.decode(event);
  if (change.type === 'ACCOUNT_OPENED') return undefined;
  const { counterpart, reference, amount, type } = change;
  if (!counterpart.startsWith('@sales') || !reference.startsWith(orderReference)) return undefined;
  const minorUnits = type === 'MONEY_WITHDRAWN' ? amount.minorUnits : -amount.minorUnits;
  return { orderId: reference.slice(orderReference.length), accountId: accountIdOf(event), minorUnits };
}

async function entryOfPayment(store: EventStore, event: RecordedEvent): Promise<LedgerEntry | undefined> {
  const change = paymentEventTypes.decode(event);
  if (change.type === 'PAYMENT_CHARGED') {
    return { orderId: orderIdOf(event), accountId: change.userId, minorUnits: -change.amount.minorUnits };
  }
  if (event.version === 1n) return undefined;
  // Only the charge has the amount of the refund.
  let charge: LedgerEntry | undefined;
  for await (const first of store.read(event.stream, { upTo: 1n })) charge = await readEntry(store, first);
  return charge && { ...charge, minorUnits: -charge.minorUnits };
}
