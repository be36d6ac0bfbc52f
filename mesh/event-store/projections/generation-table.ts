import { nowSql } from '../../storage/sql.ts';
import type { Dialect, Queryable, Row, Storage, Transaction } from '../../storage/storage.ts';

/** The state of a generation; see the table in migrations.ts. */
export type GenerationState = 'live' | 'building' | 'lockstep' | 'dropped';

/** A generation of a projection. */
export interface Generation {
  readonly generation: bigint;
  readonly state: GenerationState;
  readonly position: bigint;
  readonly definitionVersion: number;
}

interface LeaseState {
  /** Whether a process that may be alive is building it. */
  readonly isLeased: boolean;
}

interface GenerationRow extends Row {
  readonly generation: bigint;
  readonly state: GenerationState;
  readonly position: bigint;
  readonly definition_version: bigint;
}

const columns = 'generation, state, position, definition_version';

/** Returns the generations of a projection. */
export async function selectGenerations(db: Storage, name: string): Promise<(Generation & LeaseState)[]> {
  const sql = `SELECT ${columns}, CASE WHEN ${isLeased(db)} THEN 1 ELSE 0 END AS leased
    FROM projection_generation WHERE name = $1 ORDER BY generation`;
  const rows = await db.query<GenerationRow & { leased: bigint }>(sql, [name]);
  return rows.map((row) => ({ ...generationOf(row), isLeased: Number(row.leased) === 1 }));
}

/** Returns the live generation. */
export async function selectLive(db: Queryable, name: string): Promise<Generation> {
  const sql = `SELECT ${columns} FROM projection_generation WHERE name = $1 AND state = 'live'`;
  const [row] = await db.query<GenerationRow>(sql, [name]);
  if (row === undefined) throw new Error(`the projection ${name} has no live generation`);
  return generationOf(row);
}

/** Creates the first generation of a projection that has none. It is live immediately. */
export async function insertFirstGeneration(db: Queryable, name: string, definitionVersion: number): Promise<void> {
  await db.execute(
    `INSERT INTO projection_generation (name, generation, state, position, definition_version, until_ms)
     SELECT CAST($1 AS TEXT), 1, 'live', 0, CAST($2 AS BIGINT), 0
     WHERE NOT EXISTS (SELECT 1 FROM projection_generation WHERE name = $1 AND state = 'live') ON CONFLICT DO NOTHING`,
    [name, definitionVersion],
  );
}

/** How long a rebuild owns its generation after the last renewal of its lease. */
export const leaseMs = 30_000;

/**
 * Whether a generation that is being built has a valid lease, by the clock of the database, which all processes share. A lease
 * that ends later than any of them writes it was written by another clock: its rebuild is treated as dead.
 */
function isLeased(db: { readonly dialect: Dialect }): string {
  const now = nowSql(db);
  return `state IN ('building', 'lockstep') AND until_ms BETWEEN ${now} AND ${now} + ${2 * leaseMs}`;
}

/** Creates the next generation of a projection, to be built. Returns `undefined` if another is being built. */
export async function insertNextGeneration(
  tx: Transaction,
  name: string,
  definitionVersion: number,
): Promise<bigint | undefined> {
  const [row] = await tx.query<{ generation: bigint }>(
    `INSERT INTO projection_generation (name, generation, state, position, definition_version, until_ms)
     SELECT CAST($1 AS TEXT), MAX(generation) + 1, 'building', 0, CAST($2 AS BIGINT), ${nowSql(tx)} + ${leaseMs}
     FROM projection_generation WHERE name = $1
     HAVING COUNT(CASE WHEN ${isLeased(tx)} THEN 1 END) = 0
     ON CONFLICT DO NOTHING RETURNING generation`,
    [name, definitionVersion],
  );
  return row?.generation;
}

/** A newer program has rebuilt the projection, or is rebuilding it: this one must not advance it. */
export class NewerDefinition extends Error {
  override readonly name = 'NewerDefinition';
}

/**
 * Advances the live generation, and one in lockstep with it, from one position to another, in the transaction that applies
 * the events between. Returns the advanced generations: none if the live one is no longer at `from`, because another
 * process advanced it. Throws NewerDefinition if one of them has a higher definition version.
 */
export async function advanceLive(
  tx: Transaction,
  name: string,
  definitionVersion: number,
  from: bigint,
  to: bigint,
): Promise<bigint[]> {
  const live = await advance(tx, name, 'live', from, to);
  if (live.length === 0) return [];
  // A second statement: one that waited for the live row would not see changes of the others made meanwhile.
  const advanced = [...live, ...(await advance(tx, name, 'lockstep', from, to))];
  if (advanced.some((row) => row.definition_version > BigInt(definitionVersion))) throw new NewerDefinition(name);
  return advanced.map(({ generation }) => generation);
}

// The state is in the text: there is an index of the live generations, so SQLite would compile it again for each value.
function advance(tx: Transaction, name: string, state: 'live' | 'lockstep', from: bigint, to: bigint) {
  return tx.query<{ generation: bigint; definition_version: bigint }>(
    `UPDATE projection_generation SET position = $3 WHERE name = $1 AND state = '${state}' AND position = $2
     RETURNING generation, definition_version`,
    [name, from, to],
  );
}

/** Returns the state of a generation; `undefined` if it does not exist. */
export async function stateOf(db: Queryable, name: string, generation: bigint): Promise<GenerationState | undefined> {
  const sql = 'SELECT state FROM projection_generation WHERE name = $1 AND generation = $2';
  const [row] = await db.query<{ state: GenerationState }>(sql, [name, generation]);
  return row?.state;
}

/** Advances a generation that is being built and renews its lease. Returns false if the lease was lost. */
export async function advanceBuilding(
  tx: Transaction,
  name: string,
  generation: bigint,
  [from, to]: readonly [from: bigint, to: bigint],
): Promise<boolean> {
  const moved = await tx.execute(
    `UPDATE projection_generation SET position = $4, until_ms = ${nowSql(tx)} + ${leaseMs}
     WHERE name = $1 AND generation = $2 AND state = 'building' AND position = $3`,
    [name, generation, from, to],
  );
  return moved === 1;
}

/** Renews the lease of a generation in lockstep. Returns false if the lease was lost. */
export async function renewLockstepLease(tx: Transaction, name: string, generation: bigint): Promise<boolean> {
  const kept = await tx.execute(
    `UPDATE projection_generation SET until_ms = ${nowSql(tx)} + ${leaseMs}
     WHERE name = $1 AND generation = $2 AND state = 'lockstep'`,
    [name, generation],
  );
  return kept === 1;
}

/** Locks the live generation at its position until the transaction ends, and returns the position. */
export async function lockLive(tx: Transaction, name: string): Promise<bigint> {
  const [row] = await tx.query<{ position: bigint }>(
    `UPDATE projection_generation SET position = position WHERE name = $1 AND state = 'live' RETURNING position`,
    [name],
  );
  if (row === undefined) throw new Error(`the projection ${name} has no live generation`);
  return row.position;
}

/** Changes the state of a generation. Returns false if its state is not `from`. */
export async function changeState(
  tx: Transaction,
  name: string,
  generation: bigint,
  from: GenerationState,
  to: GenerationState,
): Promise<boolean> {
  const changed = await tx.execute(
    'UPDATE projection_generation SET state = $4 WHERE name = $1 AND generation = $2 AND state = $3',
    [name, generation, from, to],
  );
  return changed === 1;
}

/** Deletes a dropped generation. The last one stays, so no number is used twice. */
export async function deleteGeneration(db: Queryable, name: string, generation: bigint): Promise<void> {
  await db.execute(
    `DELETE FROM projection_generation WHERE name = $1 AND generation = $2 AND state = 'dropped'
       AND generation < (SELECT MAX(generation) FROM projection_generation WHERE name = $1)`,
    [name, generation],
  );
}

function generationOf(row: GenerationRow): Generation {
  return {
    generation: row.generation,
    state: row.state,
    position: row.position,
    definitionVersion: Number(row.definition_version),
  };
}
