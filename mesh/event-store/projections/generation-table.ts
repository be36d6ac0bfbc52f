import type { Queryable, Row, Transaction } from '../../storage/storage.ts';

/** Where a generation of a projection stands; see the table's definition in migrations.ts. */
export type GenerationState = 'live' | 'building' | 'lockstep' | 'dropped';

/** A generation of a projection. */
export interface Generation {
  readonly generation: bigint;
  readonly state: GenerationState;
  readonly position: bigint;
  readonly definitionVersion: number;
  readonly untilMs: number;
}

interface GenerationRow extends Row {
  readonly generation: bigint;
  readonly state: GenerationState;
  readonly position: bigint;
  readonly definition_version: bigint;
  readonly until_ms: bigint;
}

const columns = 'generation, state, position, definition_version, until_ms';

/** All generations of a projection. */
export async function selectGenerations(db: Queryable, name: string): Promise<Generation[]> {
  const sql = `SELECT ${columns} FROM projection_generation WHERE name = $1 ORDER BY generation`;
  return (await db.query<GenerationRow>(sql, [name])).map(generationOf);
}

/** The generation that answers queries. */
export async function selectLive(db: Queryable, name: string): Promise<Generation> {
  const sql = `SELECT ${columns} FROM projection_generation WHERE name = $1 AND state = 'live'`;
  const [row] = await db.query<GenerationRow>(sql, [name]);
  if (row === undefined) throw new Error(`the projection ${name} has no live generation`);
  return generationOf(row);
}

/** Makes the first generation of a projection that has none; it answers queries at once. */
export async function insertFirst(db: Queryable, name: string, definitionVersion: number): Promise<void> {
  await db.execute(
    `INSERT INTO projection_generation (name, generation, state, position, definition_version, until_ms)
     SELECT CAST($1 AS TEXT), 1, 'live', 0, CAST($2 AS BIGINT), 0
     WHERE NOT EXISTS (SELECT 1 FROM projection_generation WHERE name = $1 AND state = 'live') ON CONFLICT DO NOTHING`,
    [name, definitionVersion],
  );
}

/** How long a generation that is being built is kept for its builder, which says again and again that it continues. */
export const leaseMs = 30_000;

/**
 * Until when a generation can be kept for a builder at most. One that is kept for longer was begun by a process whose clock
 * was ahead: it is taken for left.
 */
export function furthestLeaseMs(nowMs: number): number {
  return nowMs + 2 * leaseMs;
}

/** Makes the next generation of a projection, to be built; `undefined` while another is being built. */
export async function insertNext(
  tx: Transaction,
  name: string,
  definitionVersion: number,
  nowMs: number,
): Promise<bigint | undefined> {
  const [row] = await tx.query<{ generation: bigint }>(
    `INSERT INTO projection_generation (name, generation, state, position, definition_version, until_ms)
     SELECT CAST($1 AS TEXT), MAX(generation) + 1, 'building', 0, CAST($2 AS BIGINT), CAST($3 AS BIGINT)
     FROM projection_generation WHERE name = $1
     HAVING COUNT(CASE WHEN state IN ('building', 'lockstep') AND until_ms BETWEEN $4 AND $5 THEN 1 END) = 0
     ON CONFLICT DO NOTHING RETURNING generation`,
    [name, definitionVersion, nowMs + leaseMs, nowMs, furthestLeaseMs(nowMs)],
  );
  return row?.generation;
}

/** A newer program makes, or has made, more of the events than this one knows of: it is left to that. */
export class NewerProgram extends Error {
  override readonly name = 'NewerProgram';
}

/**
 * Moves the live generation, and one in lockstep with it, from one position to the next: the effect of the events between
 * belongs into the same transaction. Empty when the live one is not at `from` (any more): another process moved it. Throws
 * NewerProgram when one of them is of a greater definition version than this program's.
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
  // In a second statement: one that waited for the live row would still see the others as they were before it waited.
  const moved = [...live, ...(await advance(tx, name, 'lockstep', from, to))];
  if (moved.some((row) => row.definition_version > BigInt(definitionVersion))) throw new NewerProgram(name);
  return moved.map(({ generation }) => generation);
}

function advance(tx: Transaction, name: string, state: GenerationState, from: bigint, to: bigint) {
  return tx.query<{ generation: bigint; definition_version: bigint }>(
    `UPDATE projection_generation SET position = $4 WHERE name = $1 AND state = $2 AND position = $3
     RETURNING generation, definition_version`,
    [name, state, from, to],
  );
}

/** The state of a generation; `undefined` when there is none with this number. */
export async function stateOf(db: Queryable, name: string, generation: bigint): Promise<GenerationState | undefined> {
  const sql = 'SELECT state FROM projection_generation WHERE name = $1 AND generation = $2';
  const [row] = await db.query<{ state: GenerationState }>(sql, [name, generation]);
  return row?.state;
}

/** Moves a generation that is being built, and keeps it for its builder until `untilMs`; false when it is not its any more. */
export async function advanceBuilding(
  tx: Transaction,
  name: string,
  generation: bigint,
  [from, to]: readonly [from: bigint, to: bigint],
  untilMs: number,
): Promise<boolean> {
  const moved = await tx.execute(
    `UPDATE projection_generation SET position = $4, until_ms = $5
     WHERE name = $1 AND generation = $2 AND state = 'building' AND position = $3`,
    [name, generation, from, to, untilMs],
  );
  return moved === 1;
}

/** Keeps a generation in lockstep for its builder until `untilMs`; false when it is not its any more. */
export async function keepLockstep(
  tx: Transaction,
  name: string,
  generation: bigint,
  untilMs: number,
): Promise<boolean> {
  const kept = await tx.execute(
    `UPDATE projection_generation SET until_ms = $3 WHERE name = $1 AND generation = $2 AND state = 'lockstep'`,
    [name, generation, untilMs],
  );
  return kept === 1;
}

/** The live position, which cannot move until this transaction ends. */
export async function lockLive(tx: Transaction, name: string): Promise<bigint> {
  const [row] = await tx.query<{ position: bigint }>(
    `UPDATE projection_generation SET position = position WHERE name = $1 AND state = 'live' RETURNING position`,
    [name],
  );
  if (row === undefined) throw new Error(`the projection ${name} has no live generation`);
  return row.position;
}

/** Changes the state of a generation; false when it was in another one than `from`. */
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

/** Forgets a generation whose rows are deleted. The last one stays, so that no number is given out again. */
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
    untilMs: Number(row.until_ms),
  };
}
