import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { backoff } from '../../time/backoff.ts';
import type { Listeners } from '../listeners.ts';
import { type Hear, openSubscription, type Subscription } from './subscription.ts';

/** Hears what others notify. */
export interface Subscriber {
  /** Hears `channel` from some time on, for as long as somebody listens. */
  follow(channel: string): void;
  /** Hears over a new connection from some time on. */
  reconnect(): void;
  /** Resolves once the connection is closed. */
  close(): Promise<void>;
}

const reconnectDelayMs = backoff({ firstMs: 50, maxMs: 5000, jitter: [0.5, 1] });

/**
 * Keeps one connection for `listeners`: opened for the first of them, and again, after a delay that grows, when it is lost
 * while there are any. Those who may have missed a call are called. What `self` sent is passed over.
 */
export function createSubscriber(config: pg.ClientConfig, listeners: Listeners, self: string): Subscriber {
  const closing = new AbortController();
  let subscription: Subscription | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;

  const hear: Hear = (channel, sender) => {
    failures = 0;
    if (sender !== self) listeners.call(channel);
  };
  const pause = async (): Promise<void> => {
    failures += 1;
    await setTimeout(reconnectDelayMs(failures), undefined, { signal: closing.signal }).catch(() => undefined);
  };
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted && listeners.channels().length > 0) {
      subscription = await openSubscription(config, hear, closing.signal).catch(() => undefined);
      for (const channel of listeners.channels()) subscription?.follow(channel);
      await subscription?.lost;
      subscription = undefined;
      await pause();
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
