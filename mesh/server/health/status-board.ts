/** A status for each name, and a way to see it change. */
export interface StatusBoard<T> {
  get(name: string): T | undefined;
  all(): ReadonlyMap<string, T>;
  set(name: string, status: T): void;
  /** Takes no more changes, and ends the watches once they have seen the last one. */
  close(): void;
  /** The status as it is, then each other one. A watcher that is behind sees the newest, not every one between. */
  watch(name: string, signal: AbortSignal): AsyncGenerator<T | undefined, void, undefined>;
}

/** Makes an empty board. */
export function createStatusBoard<T>(): StatusBoard<T> {
  const statuses = new Map<string, T>();
  const watchers = new Set<() => void>();
  let closed = false;
  const wakeAll = () => {
    for (const wake of watchers) wake();
  };

  async function* watch(name: string, signal: AbortSignal) {
    let changed = Promise.withResolvers<void>();
    const wake = () => changed.resolve();
    watchers.add(wake);
    signal.addEventListener('abort', wake);
    try {
      let seen = statuses.get(name);
      yield seen;
      for (;;) {
        changed = Promise.withResolvers();
        const status = statuses.get(name);
        if (status !== seen) {
          seen = status;
          yield status;
        } else if (closed || signal.aborted) return;
        else await changed.promise;
      }
    } finally {
      watchers.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }

  return {
    watch,
    get: (name) => statuses.get(name),
    all: () => statuses,
    set(name, status) {
      if (closed) return;
      statuses.set(name, status);
      wakeAll();
    },
    close() {
      closed = true;
      wakeAll();
    },
  };
}
