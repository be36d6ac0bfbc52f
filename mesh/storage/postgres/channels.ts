import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { checkChannel, createListeners } from '../listeners.ts';
import type { Storage } from '../storage.ts';
import { createNotifier } from './notifier.ts';
import { createSubscriber } from './subscriber.ts';

/** The channels of one `Storage`. */
export interface Channels extends Pick<Storage, 'notify' | 'listen'> {
  /** Listens over a new connection: the server of the one so far is the wrong one. */
  reconnect(): void;
  /** Ends all listening; resolves once its connection is closed. */
  close(): Promise<void>;
}

/**
 * The channels of a database, over its LISTEN and NOTIFY. `query` runs a statement outside of any transaction; what listens
 * has a connection of its own, by `config`. Listeners of this `Storage` are called without the way over the server.
 */
export function openChannels(config: pg.ClientConfig, query: Storage['query']): Channels {
  const self = randomUUID();
  const listeners = createListeners();
  const subscriber = createSubscriber(config, listeners, self);
  const send = createNotifier(query, self);
  return {
    notify(channel) {
      checkChannel(channel);
      listeners.call(channel);
      send(channel);
    },
    listen(channel, heard) {
      checkChannel(channel);
      const end = listeners.add(channel, heard);
      subscriber.follow(channel);
      return end;
    },
    reconnect: subscriber.reconnect,
    close() {
      listeners.close();
      return subscriber.close();
    },
  };
}
