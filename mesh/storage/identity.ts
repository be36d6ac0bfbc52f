import { randomUUID } from 'node:crypto';
import { probeSet } from './aging/seen-times.ts';
import type { Migration, Storage } from './storage.ts';

/** What a database says of itself, so that another one in its place is noticed. */
export interface Identity {
  /** Random, given once. */
  readonly id: string;
  /** Whose database it is: `order`, `events`. */
  readonly name: string;
  /** Grows with each start that opened it, so that an older copy is noticed. */
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

/** Reads who a database is; `undefined` when nobody has said so yet. */
export async function readIdentity(storage: Storage): Promise<Identity | undefined> {
  await storage.migrate(identitySet, migrations);
  const [row] = await storage.query<IdentityRow>('SELECT id, name, start FROM database_identity');
  return row && toIdentity(row);
}

/** Whether anybody has made tables in a database besides those that every one has. */
export async function isUsed(storage: Storage): Promise<boolean> {
  const sql = 'SELECT 1 FROM schema_migration WHERE set_name NOT IN ($1, $2) LIMIT 1';
  return (await storage.query(sql, [probeSet, identitySet])).length > 0;
}

/**
 * Notes a start in a database and returns who it is. One that has no identity gets one. Of several processes that do this
 * at the same time, all return the same id.
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
