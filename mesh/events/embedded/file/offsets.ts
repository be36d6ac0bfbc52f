import type { Storage } from '../../../storage/storage.ts';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { committedChecksum, readCommitted } from './meta-rows.ts';
import type { Partition } from './partition.ts';

/** The committed offsets of a consumer group. */
export interface Offsets {
  /** The next event to handle. */
  next(partition: Partition): bigint;
  /** Notes that all events before `next` are handled. It is durable within a second, with all others of the group. */
  note(partition: Partition, next: bigint): void;
  /** Resolves when what was noted so far is durable. */
  save(): Promise<void>;
  /**
   * Durably stores the group's position in partitions where it has none yet. A position after the end of a partition is
   * replaced by its beginning: the file has lost events, and the group has missed those that came since.
   */
  begin(partitions: readonly Partition[], start: 'beginning' | 'latest'): Promise<void>;
  /** Saves no longer by itself. */
  end(): void;
}

export interface OffsetsOptions {
  /** The file of the log. */
  readonly file: string;
  readonly group: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

// Bounds the events that a group gets again after a crash.
const maxUnsavedMs = 1000;
const behindEnd = 'offset of a group is after the end of its partition; the group starts at its beginning';

/** Reads the committed offsets of a group from the log in `file`. */
export async function loadOffsets(storage: Storage, { file, group, clock, logger }: OffsetsOptions): Promise<Offsets> {
  const saved = new Map<bigint, bigint>();
  for (const row of await readCommitted(storage, file)) {
    if (row.group === group) saved.set(row.partitionId, row.next);
  }
  const noted = new Map(saved);
  let saving: Promise<void> = Promise.resolve();
  let cancel: (() => void) | undefined;
  let failures = 0;
  let ended = false;

  async function saveNoted(): Promise<void> {
    const changed = [...noted].filter(([id, next]) => saved.get(id) !== next);
    if (changed.length === 0) return;
    await storage.transaction(async (tx) => {
      for (const [partitionId, next] of changed) {
        await tx.execute(
          `INSERT INTO committed_offset (consumer_group, partition_id, next_offset, checksum) VALUES ($1, $2, $3, $4)
           ON CONFLICT (consumer_group, partition_id) DO UPDATE SET next_offset = excluded.next_offset, checksum = excluded.checksum`,
          [group, partitionId, next, committedChecksum({ group, partitionId, next })],
        );
      }
    });
    for (const [partitionId, next] of changed) saved.set(partitionId, next);
  }

  function save(): Promise<void> {
    // One after another: the next one finds what is left.
    saving = saving.catch(() => undefined).then(saveNoted);
    return saving;
  }

  function saveLater(): void {
    if (cancel !== undefined || ended) return;
    cancel = clock.after(maxUnsavedMs, () => {
      cancel = undefined;
      save().then(
        () => {
          failures = 0;
        },
        (error: unknown) => {
          failures += 1;
          const attempt = { logger, clock, level: 'warn', failures } as const;
          logFailedAttempt(attempt, { err: error, group }, 'committing in the event log failed; retrying');
          saveLater();
        },
      );
    });
  }

  return {
    next: (partition) => noted.get(partition.id) ?? partition.start,
    note(partition, next) {
      if (noted.get(partition.id) === next) return;
      noted.set(partition.id, next);
      saveLater();
    },
    save,
    async begin(partitions, start) {
      for (const partition of partitions) {
        const { id, topic, number, head } = partition;
        const next = noted.get(id);
        if (next === undefined) {
          noted.set(id, start === 'latest' ? head.offset : partition.start);
        } else if (next > head.offset) {
          logger.warn({ group, topic, partition: number, offset: `${next}`, end: `${head.offset}` }, behindEnd);
          noted.set(id, partition.start);
        }
      }
      await save();
    },
    end() {
      ended = true;
      cancel?.();
    },
  };
}
