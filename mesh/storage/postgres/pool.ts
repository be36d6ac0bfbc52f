import pg from 'pg';

/** The connections to a server. */
export interface Pool {
  /** How they are made. */
  readonly config: pg.ClientConfig;
  /** Takes one that is not in use, or makes one; rejects when none becomes free in time. */
  connect(): Promise<pg.PoolClient>;
  /** Gives one back; closes it when it is `spent`, or leads to a server that was found to be the wrong one. */
  release(client: pg.PoolClient, spent?: boolean): void;
  /**
   * The server behind this connection is the wrong one: it takes no writes. None that was made before is used again, so that
   * the next one leads to where the address leads now.
   */
  distrust(client: pg.PoolClient): void;
  /** Closes them once they are given back. */
  end(): Promise<void>;
}

/** A pool of at most `size` connections, 10 by default. `onDistrust` is called when its server was found to be the wrong one. */
export function createPool(config: pg.ClientConfig, size: number | undefined, onDistrust: () => void): Pool {
  const pool = new pg.Pool({ ...config, max: size ?? 10, idleTimeoutMillis: 30_000 });
  // Connections of one era were made between two findings that the server is the wrong one.
  const eras = new WeakMap<pg.PoolClient, number>();
  let era = 0;
  const isTrusted = (client: pg.PoolClient): boolean => eras.get(client) === era;
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
        if (isTrusted(client)) return client;
        client.release(true);
      }
    },
    release: (client, spent = false) => client.release(spent || !isTrusted(client)),
    distrust(client) {
      // Others made at the same time report the same.
      if (!isTrusted(client)) return;
      era += 1;
      onDistrust();
    },
    end: () => pool.end(),
  };
}
