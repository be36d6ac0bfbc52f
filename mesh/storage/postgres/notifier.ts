import type { Storage } from '../storage.ts';

// A notification that is part of a larger transaction takes a lock of the whole server while that commits, so that such
// commits wait for each other's disk: alone, and without a wait for the disk, it holds the lock for an instant.
const sql = "SELECT pg_notify($1, $2), set_config('synchronous_commit', 'off', true)";

/**
 * How others hear of a channel: one call is under way for each, and those that come meanwhile become one. `sender` goes
 * with it. A failed one is lost.
 */
export function createNotifier(query: Storage['query'], sender: string): (channel: string) => void {
  const askedAgain = new Map<string, boolean>();

  const send = async (channel: string): Promise<void> => {
    do {
      askedAgain.set(channel, false);
      await query(sql, [channel, sender]).catch(() => undefined);
    } while (askedAgain.get(channel));
    askedAgain.delete(channel);
  };
  return (channel) => {
    if (askedAgain.has(channel)) askedAgain.set(channel, true);
    else void send(channel);
  };
}
