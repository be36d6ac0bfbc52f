import pg from 'pg';
import { destroy } from './destroy.ts';

/** The connections to a server. */
export interface Pool {
  /** How they are made. */
  readonly config: pg.ClientConfig;
  /** Takes one that is not in use, or makes one; rejects when none becomes free in time. */
  connect(): Promise<pg.PoolClient>;
  /** Gives one back; closes it when it is `spent`, or leads to a server that was found to be the wrong one. */
  release(client: pg.PoolClient, spent?: boolean): void;
  /** The server behind this connection is the wrong one, as it takes no writes: it is left, unless it was left since then. */
  distrust(client: pg.PoolClient): void;
  /** Uses none of them again, so that the next one leads to where the address leads by then. */
  leave(): void;
  /** As `leave`, and closes those in use too, for a server that is silent: what is under way fails as with a lost connection. */
  abandon(): void;
  /** Closes them once they are given back. */
  end(): Promise<void>;
}

/** A pool of at most `size` connections, 10 by default. `onLeave` is called when its server is left. */
export function createPool(config: pg.ClientConfig, size: number | undefined, onLeave: () => void): Pool {
  const pool = new pg.Pool({ ...config, max: size ?? 10, idleTimeoutMillis: 30_000 });
  // Connections of one era were made between two findings that the server is the wrong one.
  const eras = new WeakMap<pg.PoolClient, number>();
  let era = 0;
  const inUse = new Set<pg.PoolClient>();
  const isTrusted = (client: pg.PoolClient): boolean => eras.get(client) === era;
  const leave = (): void => {
    era += 1;
    onLeave();
  };
  // A lost connection leaves the pool by itself, and whoever has a statement on it hears it by its rejection; without a
  // listener the event would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    eras.set(client, era);
    client.on('error', () => undefined);
  });
  return {
    config,
    async connect() {
      for (;;) {
        const client = await pool.connect();
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
      // Others that were made before the server was left report the same.
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
