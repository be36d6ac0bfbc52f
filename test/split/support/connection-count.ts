import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface ConnectionCount {
  /** The maximum so far, without the one that counts. */
  readonly most: number;
  /** The maximum so far of each database. */
  readonly mostByDatabase: ReadonlyMap<string, number>;
  readonly samples: number;
  end(): Promise<void>;
}

const sql = `SELECT datname AS database, count(*) AS count FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY datname`;

/** Counts the connections of clients to a PostgreSQL server ten times a second. */
export async function countConnections(url: string): Promise<ConnectionCount> {
  const client = new pg.Client(url);
  await client.connect();
  const mostByDatabase = new Map<string, number>();
  let [most, samples, ended] = [0, 0, false];
  const counting = (async () => {
    while (!ended) {
      const { rows } = await client.query<{ database: string; count: string }>(sql);
      const counts = rows.map(({ database, count }) => [database, Number(count)] as const);
      most = Math.max(
        most,
        counts.reduce((sum, [, count]) => sum + count, 0),
      );
      for (const [database, count] of counts)
        mostByDatabase.set(database, Math.max(count, mostByDatabase.get(database) ?? 0));
      samples += 1;
      await sleep(100);
    }
  })();
  return {
    get most() {
      return most;
    },
    mostByDatabase,
    get samples() {
      return samples;
    },
    async end() {
      ended = true;
      await counting;
      await client.end();
    },
  };
}
