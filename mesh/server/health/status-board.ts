/** A status for each name, which can be watched. */
export interface StatusBoard<T> {
  get(name: string): T | undefined;
  all(): ReadonlyMap<string, T>;
  set(name: string, status: T): void;
  /** Accepts no more changes, and ends each watch once it has seen the last one. */
  close(): void;
  /** Yields the current status, then each change. A slow watcher sees the newest status, not every one in between. */
  watch(name: string, signal: AbortSignal): AsyncGenerator<T | undefined, void, undefined>;
}

/** Creates an empty board. */
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
