import { AsyncResource } from 'node:async_hooks';
import { setImmediate } from 'node:timers';

/** The listeners of one `Storage`, by channel. */
export interface Listeners {
  /** Adds a listener, which is called in the context of this caller. The returned function removes it. */
  add(channel: string, listener: () => void): () => void;
  /** Calls the listeners of `channel` in a later turn of the event loop. Calls of one turn are merged. */
  call(channel: string): void;
  /** The channels that have listeners. */
  channels(): readonly string[];
  /** Removes all listeners, and ignores later ones. */
  close(): void;
}

interface Listener {
  call(): void;
  end(): void;
}

// PostgreSQL truncates names to 63 bytes.
const channelName = /^[a-z_]{1,63}$/;

/** Throws a RangeError unless `channel` has 1 to 63 lower-case letters and underscores. */
export function checkChannel(channel: string): void {
  if (channelName.test(channel)) return;
  throw new RangeError(`"${channel}" is not a valid channel name: use 1 to 63 lower-case letters and underscores`);
}

/** Makes an empty set of listeners. A channel is forgotten with its last listener. */
export function createListeners(): Listeners {
  const byChannel = new Map<string, Set<Listener>>();
  let closed = false;
  return {
    add(channel, call) {
      if (closed) return () => undefined;
      const listener = createListener(call);
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

function createListener(call: () => void): Listener {
  const callInContext = AsyncResource.bind(call);
  let called = false;
  let ended = false;
  return {
    call() {
      if (called) return;
      called = true;
      setImmediate(() => {
        called = false;
        if (!ended) callInContext();
      });
    },
    end() {
      ended = true;
    },
  };
}
