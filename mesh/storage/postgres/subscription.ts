import pg from 'pg';
import { destroy } from './destroy.ts';

/** A connection that listens. */
export interface Subscription {
  /** Hears `channel` from some time on. */
  follow(channel: string): void;
  /** Closes the connection. */
  close(): void;
  /** Resolves when the connection is gone. */
  readonly lost: Promise<void>;
}

/** What came over a channel, or, without a sender, that nothing can be missed on it from now on. */
export type Hear = (channel: string, sender: string | undefined) => void;

/** Opens a connection that listens until `signal` is aborted. Rejects when it cannot be opened. */
export async function openSubscription(
  config: pg.ClientConfig,
  hear: Hear,
  signal: AbortSignal,
): Promise<Subscription> {
  const client = new pg.Client(config);
  const lost = Promise.withResolvers<void>();
  const followed = new Set<string>();
  // Immediately, also where the server does not answer: nothing is under way that could be lost.
  const close = (): void => destroy(client);
  client.on('error', () => undefined);
  client.once('end', () => {
    signal.removeEventListener('abort', close);
    lost.resolve();
  });
  client.on('notification', ({ channel, payload }) => hear(channel, payload));
  signal.addEventListener('abort', close, { once: true });
  await client.connect();
  return {
    follow(channel) {
      if (followed.has(channel)) return;
      followed.add(channel);
      client.query(`LISTEN ${pg.escapeIdentifier(channel)}`).then(() => hear(channel, undefined), close);
    },
    close,
    lost: lost.promise,
  };
}
