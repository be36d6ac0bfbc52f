import pg from 'pg';
import { PoolExhausted } from './hints.ts';
import type { Sessions } from './sessions.ts';

/** The connections to a server. */
export interface Pool {
  readonly sessions: Sessions;
  /** Takes a connection that is not in use, or opens one. Rejects if none becomes free in time. */
  connect(): Promise<pg.PoolClient>;
  /** Gives a connection back. Closes it if it is `spent`, or if its server was found to be the wrong one. */
  release(client: pg.PoolClient, spent?: boolean): void;
  /** Leaves the server of this connection, which accepts no writes, unless it was left since the connection was opened. */
  distrust(client: pg.PoolClient): void;
  /** Uses none of its connections again, so new ones go to the server that the address leads to by then. */
  leave(): void;
  /** As `leave`, and closes connections in use, for a server that is silent. Their statements fail as with a lost connection. */
  abandon(): void;
  /** Closes the connections once they are given back. */
  end(): Promise<void>;
}

/** Makes a pool of at most `size` connections. `onLeave` is called when its server is left. */
export function createPool(sessions: Sessions, size: number, onLeave: () => void): Pool {
  const pool = new pg.Pool({ ...sessions.config, max: size, idleTimeoutMillis: 30_000 });
  // Connections of one era were opened between two findings that the server is the wrong one.
  const eras = new WeakMap<pg.PoolClient, number>();
  let era = 0;
  const inUse = new Set<pg.PoolClient>();
  const isTrusted = (client: pg.PoolClient): boolean => eras.get(client) === era;
  const leave = (): void => {
    era += 1;
    onLeave();
  };
  // A lost connection leaves the pool by itself, and the caller of its statement gets a rejection. Without a listener the
  // event would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    eras.set(client, era);
    client.on('error', () => undefined);
  });
  const take = async (): Promise<pg.PoolClient> => {
    const startMs = performance.now();
    try {
      return await pool.connect();
    } catch (error) {
      // The pool reports a server that does not answer and connections that do not become free with the same text.
      if (inUse.size < size) throw error;
      throw new PoolExhausted(size, Math.round((performance.now() - startMs) / 100) * 100);
    }
  };
  return {
    sessions,
    async connect() {
      for (;;) {
        const client = await take();
        if (isTrusted(client)) {
          inUse.add(client);
          return client;
        }
        client.release(true);
      }
    },
    release(client, spent = false) {
      inUse.delete(client);
      client.release(spent || !isTrusted(client));
    },
    distrust(client) {
      // Other connections that were opened before the server was left report the same.
      if (isTrusted(client)) leave();
    },
    leave,
    abandon() {
      leave();
      for (const client of inUse) destroy(client);
    },
    end: () => pool.end(),
  };
}

/** Closes a connection without notifying the server, which may be gone. */
export function destroy(client: pg.ClientBase): void {
  const { connection } = client as pg.ClientBase & { readonly connection: { readonly stream: { destroy(): void } } };
  connection.stream.destroy();
}
