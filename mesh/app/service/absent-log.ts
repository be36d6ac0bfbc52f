import type { EventLog } from '../../events/log/event-log.ts';

/** The event log of what is stateless, and so has none. `owner`: `service gateway`. */
export function absentLog(owner: string): EventLog {
  const absent = () => new TypeError(`${owner} is stateless and has no event log: define it without isStateless`);
  const refuse = () => Promise.reject(absent());
  const nothing = () => Promise.resolve();
  return {
    ensureTopic: refuse,
    topics: refuse,
    publish: refuse,
    consume: refuse,
    read() {
      throw absent();
    },
    endOffsets: refuse,
    offsetsAt: refuse,
    committedOffsets: refuse,
    check: nothing,
    checkPartitions: nothing,
    close: nothing,
  };
}
