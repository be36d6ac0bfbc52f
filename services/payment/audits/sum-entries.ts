import { type Clock, type EventStore, type RecordedEvent, sleep, yieldEvery } from '#mesh';
import { type LedgerEntry, readEntry } from './ledger-entry.ts';

/** What bookings are summed up with. */
export interface SumOptions<Key> {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What a booking is counted for; `undefined`: it is left out. */
  readonly keyOf: (booking: LedgerEntry) => Key | undefined;
  /** Called with an event that cannot be read, and why: it is left out. */
  readonly refused: (event: RecordedEvent, error: unknown) => void;
}

/** What bookings come to. */
export interface Sums<Key> {
  readonly bookings: number;
  /** By key, those that are not zero. */
  readonly differences: ReadonlyMap<Key, bigint>;
}

const batchSize = 500;
const settlingMs = 10;

/**
 * Sums up all bookings, and holds no more than the keys that do not come to zero. Those that do so while it looks again are
 * none: of a charge that was under way the other side may have been told of later.
 */
export async function sumEntries<Key>({ keyOf, refused, ...options }: SumOptions<Key>): Promise<Sums<Key>> {
  const { store } = options;
  const sums = new Map<Key, bigint>();
  let bookings = 0;
  let onZero = (_: Key): void => undefined;

  async function add(event: RecordedEvent): Promise<void> {
    const booking = await readEntry(store, event).catch((error: unknown) => refused(event, error));
    const key = booking && keyOf(booking);
    if (!booking || key === undefined) return;
    bookings += 1;
    const sum = (sums.get(key) ?? 0n) + booking.minorUnits;
    if (sum !== 0n) sums.set(key, sum);
    else if (sums.delete(key)) onZero(key);
  }

  const position = await readToHead(options, 0n, add);
  const differing = new Set(sums.keys());
  onZero = (key) => differing.delete(key);
  // Both sides are committed at once: where one was told of, the other is up to the last event there is now.
  if (differing.size > 0) await readToHead(options, position, add);
  return { bookings, differences: new Map([...differing].map((key) => [key, sums.get(key) ?? 0n])) };
}

/** Reads up to the last event there is, also where it has to wait until that can be told of; resolves with its position. */
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
    for (const event of events) await each(event);
    position = events.at(-1)?.position ?? position;
    await yieldToOthers();
    if (events.length > 0) continue;
    await sleep(clock, settlingMs, signal);
    // It can be gone, where a database is mended by hand.
    const last = await store.head();
    if (last < head) head = last;
  }
  return position;
}
