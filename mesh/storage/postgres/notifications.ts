import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { backoff } from '../../time/backoff.ts';
import { checkChannel, createListeners, type Listeners } from '../listeners.ts';
import type { SqlValue, Storage } from '../storage.ts';
import { destroy } from './pool.ts';

/** The channels of one `Storage`. */
export interface Channels extends Pick<Storage, 'notify' | 'listen'> {
  /** Listens over a new connection, because the current server is the wrong one. */
  reconnect(): void;
  /** Resolves once the server has been sent all that `notify` was called with. */
  flush(): Promise<void>;
  /** Ends all listening. Resolves once the connection is closed. */
  close(): Promise<void>;
}

/** Runs a statement. */
type RunStatement = (sql: string, params: readonly SqlValue[]) => Promise<void>;

/**
 * The channels of a database, over its LISTEN and NOTIFY. `run` runs a statement outside of any transaction; listening has
 * its own connection, opened with `config`. Without it listeners are called every second. Listeners of this `Storage` are
 * called directly, not through the server.
 */
export function openChannels(config: pg.ClientConfig | undefined, run: RunStatement): Channels {
  const self = randomUUID();
  const listeners = createListeners();
  const subscriber = config === undefined ? createRegularCalls(listeners) : createSubscriber(config, listeners, self);
  const notifier = createNotifier(run, self);
  return {
    notify(channel) {
      checkChannel(channel);
      listeners.call(channel);
      notifier.send(channel);
    },
    listen(channel, listener) {
      checkChannel(channel);
      const end = listeners.add(channel, listener);
      subscriber.follow(channel);
      return end;
    },
    reconnect: subscriber.reconnect,
    flush: notifier.flush,
    close() {
      listeners.close();
      return subscriber.close();
    },
  };
}

// A notification that is part of a larger transaction takes a lock of the whole server until that commits, so such commits
// wait for each other's disk. Alone, and without a wait for the disk, it holds the lock only for an instant.
const notifySql = "SELECT pg_notify($1, $2), set_config('synchronous_commit', 'off', true)";

// The first call after a pause is sent immediately. Each is a transaction, and a busy channel is called with every commit.
const gatherMs = 50;

interface Notifier {
  /** Notifies a channel, once in 50 ms at most; calls that come meanwhile are merged into one. A call that fails is lost. */
  send(channel: string): void;
  /** Sends immediately what has been merged. Resolves when all calls are done. */
  flush(): Promise<void>;
}

/** Creates what notifies channels, with `sender` as the payload. */
function createNotifier(run: RunStatement, sender: string): Notifier {
  const askedAgain = new Map<string, boolean>();
  const flushing = new AbortController();
  const inProgress = new Set<Promise<void>>();

  const send = async (channel: string): Promise<void> => {
    do {
      askedAgain.set(channel, false);
      await run(notifySql, [channel, sender]).catch(() => undefined);
      await setTimeout(gatherMs, undefined, { ref: false, signal: flushing.signal }).catch(() => undefined);
    } while (askedAgain.get(channel));
    askedAgain.delete(channel);
  };
  return {
    send(channel) {
      if (askedAgain.has(channel)) askedAgain.set(channel, true);
      else {
        const sending = send(channel).finally(() => inProgress.delete(sending));
        inProgress.add(sending);
      }
    },
    async flush() {
      flushing.abort();
      await Promise.all(inProgress);
    },
  };
}

/** Receives what other processes notify. */
interface Subscriber {
  /** Subscribes to `channel`, for as long as it has listeners. */
  follow(channel: string): void;
  /** Replaces the connection. */
  reconnect(): void;
  /** Resolves once the connection is closed. */
  close(): Promise<void>;
}

const regularCallMs = 1000;

/** Calls `listeners` at regular times, because any of them may have missed a notification. */
function createRegularCalls(listeners: Listeners): Subscriber {
  const timer = setInterval(() => {
    for (const channel of listeners.channels()) listeners.call(channel);
  }, regularCallMs);
  return {
    follow: () => undefined,
    reconnect: () => undefined,
    async close() {
      clearInterval(timer);
    },
  };
}

const reconnectDelayMs = backoff({ firstMs: 50, maxMs: 5000, jitter: [0.5, 1] });

/**
 * Keeps one connection for `listeners`. It is opened for the first of them and, when it is lost while there are any, again
 * after a growing delay. Listeners that may have missed a notification are called. Notifications from `self` are ignored.
 */
function createSubscriber(config: pg.ClientConfig, listeners: Listeners, self: string): Subscriber {
  const closing = new AbortController();
  let subscription: Subscription | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;

  const onNotification: OnNotification = (channel, sender) => {
    failures = 0;
    if (sender !== self) listeners.call(channel);
  };
  const waitToReconnect = async (): Promise<void> => {
    failures += 1;
    await setTimeout(reconnectDelayMs(failures), undefined, { signal: closing.signal }).catch(() => undefined);
  };
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted && listeners.channels().length > 0) {
      subscription = await openSubscription(config, onNotification, closing.signal).catch(() => undefined);
      for (const channel of listeners.channels()) subscription?.follow(channel);
      await subscription?.lost;
      subscription = undefined;
      await waitToReconnect();
    }
    running = undefined;
  };
  return {
    follow(channel) {
      if (closing.signal.aborted) return;
      subscription?.follow(channel);
      running ??= run();
    },
    reconnect: () => subscription?.close(),
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** A connection that listens. */
interface Subscription {
  /** Subscribes to `channel`. */
  follow(channel: string): void;
  close(): void;
  /** Resolves when the connection is gone. */
  readonly lost: Promise<void>;
}

/** Called with each notification and, without a sender, when a channel is subscribed to: from then on none is missed. */
type OnNotification = (channel: string, sender: string | undefined) => void;

/** Opens a connection that listens until `signal` aborts. Rejects if it cannot be opened. */
async function openSubscription(
  config: pg.ClientConfig,
  onNotification: OnNotification,
  signal: AbortSignal,
): Promise<Subscription> {
  const client = new pg.Client(config);
  const lost = Promise.withResolvers<void>();
  const followed = new Set<string>();
  // Immediately, even if the server does not answer: nothing is in progress that could be lost.
  const close = (): void => destroy(client);
  client.on('error', () => undefined);
  client.once('end', () => {
    signal.removeEventListener('abort', close);
    lost.resolve();
  });
  client.on('notification', ({ channel, payload }) => onNotification(channel, payload));
  signal.addEventListener('abort', close, { once: true });
  await client.connect();
  return {
    follow(channel) {
      if (followed.has(channel)) return;
      followed.add(channel);
      client.query(`LISTEN ${pg.escapeIdentifier(channel)}`).then(() => onNotification(channel, undefined), close);
    },
    close,
    lost: lost.promise,
  };
}
