import { type FieldViolation, invalidFields, MeshError, publicTextOf, type Storage, type Transaction } from '#mesh';
import { addUser, findMissingFields, type UserDeps } from './create-user.ts';
import type { UserDraft } from './user.ts';

/** Rows per transaction: enough to share the cost of a commit, few enough to let other calls in between. */
const batchRows = 500;
/** The maximum in a response, as the contract documents it. */
const maxFailures = 1000;

/** A row of the stream, with the rules of the contract that it breaks. */
export interface ImportRow {
  readonly draft: UserDraft;
  readonly violations: readonly FieldViolation[];
}

/** A row that was not imported; `index` is its position in the stream. */
export interface ImportFailure {
  readonly index: bigint;
  readonly reason: string;
  readonly message: string;
}

export interface ImportOutcome {
  readonly imported: bigint;
  /** The first 1,000, in the order of the rows. */
  readonly failures: readonly ImportFailure[];
}

/**
 * Creates users from a stream, each with its event, and reads further rows only after storing the previous ones. A row that
 * is refused becomes a failure. If the stream breaks, the rows before that stay imported.
 */
export async function importUsers(
  rows: AsyncIterable<ImportRow>,
  { storage, ...deps }: UserDeps & { readonly storage: Storage },
): Promise<ImportOutcome> {
  let batch: ImportRow[] = [];
  let stored = 0;
  let failed = 0;
  const failures: ImportFailure[] = [];

  async function storeBatch(): Promise<void> {
    if (batch.length === 0) return;
    const [taken, firstIndex] = [batch, stored];
    batch = [];
    const refused = await storage.transaction((tx) => storeRows(tx, taken, firstIndex, deps));
    stored += taken.length;
    failed += refused.length;
    failures.push(...refused.slice(0, maxFailures - failures.length));
  }

  try {
    for await (const row of rows) {
      batch.push(row);
      if (batch.length === batchRows) await storeBatch();
    }
  } finally {
    await storeBatch();
  }
  return { imported: BigInt(stored - failed), failures };
}

async function storeRows(
  tx: Transaction,
  rows: readonly ImportRow[],
  firstIndex: number,
  deps: UserDeps,
): Promise<ImportFailure[]> {
  const failures: ImportFailure[] = [];
  for (const [place, row] of rows.entries()) {
    const refusal = await storeRow(tx, row, deps);
    if (refusal) failures.push({ index: BigInt(firstIndex + place), ...refusal });
  }
  return failures;
}

async function storeRow(
  tx: Transaction,
  { draft, violations }: ImportRow,
  deps: UserDeps,
): Promise<Omit<ImportFailure, 'index'> | undefined> {
  const broken = violations.length > 0 ? violations : findMissingFields(draft);
  if (broken.length > 0) {
    const message = broken.map(({ field, description }) => `${field}: ${description}`).join('; ');
    return { reason: invalidFields.reason, message };
  }
  const added = await addUser(tx, draft, deps);
  return added instanceof MeshError ? { reason: added.reason, message: publicTextOf(added) } : undefined;
}
