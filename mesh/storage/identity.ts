import { randomUUID } from 'node:crypto';
import { probeSet } from './aging/seen-times.ts';
import type { Migration, Storage } from './storage.ts';

/** Identifies a database, so a different one in its place is detected. */
export interface Identity {
  /** Random, assigned once. */
  readonly id: string;
  /** The owner of the database: `order`, `events`. */
  readonly name: string;
  /** Grows with each start that opens it, so an older copy is detected. */
  readonly start: number;
}

type IdentityRow = { id: string; name: string; start: bigint };

const identitySet = 'identity';

const migrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE database_identity (
        one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        start BIGINT NOT NULL
      );`,
  },
];

/** Reads the identity of a database; `undefined` if it has none yet. */
export async function readIdentity(storage: Storage): Promise<Identity | undefined> {
  await storage.migrate(identitySet, migrations);
  const [row] = await storage.query<IdentityRow>('SELECT id, name, start FROM database_identity');
  return row && toIdentity(row);
}

/** Whether a database has tables in addition to those that every database has. */
export async function isUsed(storage: Storage): Promise<boolean> {
  const sql = 'SELECT 1 FROM schema_migration WHERE set_name NOT IN ($1, $2) LIMIT 1';
  return (await storage.query(sql, [probeSet, identitySet])).length > 0;
}

/**
 * Records a start in a database and returns its identity, which it gets if it has none. Processes that do this at the same time
 * all return the same id.
 */
export async function noteStart(storage: Storage, name: string, start: number): Promise<Identity> {
  const [row] = await storage.query<IdentityRow>(
    `INSERT INTO database_identity (one, id, name, start) VALUES (1, $1, $2, $3)
     ON CONFLICT (one) DO UPDATE SET start =
       CASE WHEN database_identity.start < excluded.start THEN excluded.start ELSE database_identity.start + 1 END
     RETURNING id, name, start`,
    [randomUUID(), name, start],
  );
  if (row === undefined) throw new Error(`the database of ${name} took no identity`);
  return toIdentity(row);
}

function toIdentity({ id, name, start }: IdentityRow): Identity {
  return { id, name, start: Number(start) };
}
