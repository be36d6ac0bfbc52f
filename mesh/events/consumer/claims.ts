import { uuidv5 } from '../../ids/ids.ts';
import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import type { Queryable, Transaction } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import { type EventAttributes, readAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { type Claim, claim, claimAll, isClaimed, unclaim } from './inbox.ts';
import { mayBeHandled } from './inbox-horizon.ts';

/** An event with its attributes. */
export interface ReceivedEvent {
  readonly event: StoredEvent;
  readonly attributes: EventAttributes;
}

/** The claims of a group, by events. */
export interface Claims {
  of(received: ReceivedEvent): Claim;
  /** Claims an event, unless it is known or so old that it may be. */
  claimOnce(tx: Transaction, received: ReceivedEvent, as: 'handled' | 'dead'): Promise<'claimed' | 'known' | 'too-old'>;
  /** Claims events with ids of their own as handled. Returns false if `claimOnce` has to decide about one: then roll back. */
  claimEach(tx: Transaction, received: readonly ReceivedEvent[]): Promise<boolean>;
  /** Takes back the claim that this transaction made of an event. */
  release(tx: Transaction, received: ReceivedEvent): Promise<void>;
  /** Whether an event was claimed before. */
  isKnown(db: Queryable, event: StoredEvent): Promise<boolean>;
}

export function createClaims(group: string, aging: AgingClock, clock: Clock): Claims {
  const of = ({ event, attributes }: ReceivedEvent): Claim => {
    return { group, eventId: inboxId(attributes), eventTimeMs: event.timeMs, nowMs: aging.nowMs() };
  };
  return {
    of,
    async claimOnce(tx, received, as) {
      const { event } = received;
      const formerId = formerInboxId(event);
      // Claimed before the event happened: then that was another event in the same position.
      if (formerId !== undefined && (await isClaimed(tx, group, formerId, event.timeMs))) return 'known';
      const itsClaim = of(received);
      if (!(await claim(tx, itsClaim, as))) return 'known';
      // After the claim: another process may have deleted an earlier one until then.
      if (!(await mayBeHandled(tx, group, event, clock))) return 'claimed';
      await unclaim(tx, itsClaim);
      return 'too-old';
    },
    async claimEach(tx, received) {
      if (!(await claimAll(tx, received.map(of)))) return false;
      for (const { event } of received) if (await mayBeHandled(tx, group, event, clock)) return false;
      return true;
    },
    release: (tx, received) => unclaim(tx, of(received)),
    async isKnown(db, event) {
      const formerId = formerInboxId(event);
      if (formerId !== undefined && (await isClaimed(db, group, formerId, event.timeMs))) return true;
      return await isClaimed(db, group, inboxId(readAttributes(event)), 0);
    },
  };
}

/** Whether its producer gave an event an id. */
export function hasOwnId({ event }: ReceivedEvent): boolean {
  return event.headers.ce_id !== undefined;
}

const storable = /^[ -~]{1,200}$/;

/**
 * Identifies an event by source and id, as CloudEvents does. Source and id of a foreign producer are hashed where a database
 * could not store or index them.
 */
function inboxId({ source, id }: Pick<EventAttributes, 'source' | 'id'>): string {
  const name = `${source} ${id}`;
  return storable.test(name) ? name : uuidv5(source, id);
}

/** The inbox id that an earlier version gave an event without an id: its position, which another event may take. */
function formerInboxId({ headers, topic, partition, offset }: StoredEvent): string | undefined {
  if (headers.ce_id !== undefined) return undefined;
  return inboxId({ source: headers.ce_source ?? '', id: `${topic}/${partition}/${offset}` });
}
