import { AsyncResource } from 'node:async_hooks';
import { setImmediate } from 'node:timers';

/** Who listens through one `Storage`, by channel. */
export interface Listeners {
  /** Adds `heard`, which is called in the context of this caller; returns how to end that. */
  add(channel: string, heard: () => void): () => void;
  /** Calls those on `channel` in a later turn of the event loop, several calls of one turn as one. */
  call(channel: string): void;
  /** The channels that somebody listens on. */
  channels(): readonly string[];
  /** Ends all listening, also what is added later. */
  close(): void;
}

interface Listener {
  call(): void;
  end(): void;
}

// PostgreSQL cuts names at 63 bytes.
const channelName = /^[a-z_]{1,63}$/;

/** Throws a RangeError when `channel` cannot be the name of one: small letters and underscores, 63 at most. */
export function checkChannel(channel: string): void {
  if (channelName.test(channel)) return;
  throw new RangeError(`"${channel}" cannot name a channel; use small letters and underscores, 63 at most`);
}

/** Nobody listens yet. A channel is forgotten with the last of its listeners. */
export function createListeners(): Listeners {
  const byChannel = new Map<string, Set<Listener>>();
  let closed = false;
  return {
    add(channel, heard) {
      if (closed) return () => undefined;
      const listener = createListener(heard);
      const listeners = byChannel.get(channel) ?? new Set();
      byChannel.set(channel, listeners.add(listener));
      return () => {
        listener.end();
        if (listeners.delete(listener) && listeners.size === 0) byChannel.delete(channel);
      };
    },
    call(channel) {
      for (const listener of byChannel.get(channel) ?? []) listener.call();
    },
    channels: () => [...byChannel.keys()],
    close() {
      closed = true;
      for (const listener of [...byChannel.values()].flatMap((listeners) => [...listeners])) listener.end();
      byChannel.clear();
    },
  };
}

function createListener(heard: () => void): Listener {
  const inContextOfListener = AsyncResource.bind(heard);
  let called = false;
  let ended = false;
  return {
    call() {
      if (called) return;
      called = true;
      setImmediate(() => {
        called = false;
        if (!ended) inContextOfListener();
      });
    },
    end() {
      ended = true;
    },
  };
}
