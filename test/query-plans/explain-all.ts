import type { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { unavoidableSteps } from './explain-on-postgres.ts';
import { type ExecutedStatement, explainOnSqlite, type recordStatements } from './record-statements.ts';
import type { WrittenStatement } from './statements-in-source.ts';

/** A statement with what its plan costs. */
export interface Explained {
  readonly place: string;
  /** In one line, as it was executed. */
  readonly sql: string;
  /** Steps that read a whole table or sort, and filters that no index covers. */
  readonly costs: readonly string[];
}

/** Explains a statement on one database; throws if that does not have its tables. */
type Explain = (sql: string) => Promise<readonly string[]>;

/**
 * Explains the statements that were executed on the database of `url`, and those in the sources that were not. The former are
 * assigned to the statement in the sources that has most text in common with them; those of tests belong to none.
 */
export async function explainAll(
  written: readonly WrittenStatement[],
  recorder: ReturnType<typeof recordStatements>,
  url: string,
): Promise<Explained[]> {
  const isSqlite = url.startsWith('sqlite:');
  const executed = recorder.executed().filter(({ database }) => (database === undefined) === isSqlite);
  await using databases = isSqlite ? sqliteDatabases(recorder.sqliteDatabases()) : postgresDatabases(url, executed);
  const explained: Explained[] = [];
  for (const statement of executed) {
    const { text: sql, database, sqlitePlan } = statement;
    const origin = originOf(statement, written);
    if (origin === undefined) continue;
    const costs = isSqlite ? costsOnSqlite(sql, sqlitePlan) : await databases.explain(sql, database ?? '');
    explained.push({ place: origin.place, sql, costs: costs ?? [] });
  }
  const places = new Set(explained.map(({ place }) => place));
  for (const { place, sql } of written) {
    if (sql === undefined || places.has(place)) continue;
    const costs = await databases.explain(sql);
    if (costs !== undefined) explained.push({ place, sql, costs });
  }
  return explained;
}

/** Statements of tests on the tables of tests. */
const ofTests = /\b(totals|sums)\b/;

function originOf({ text }: ExecutedStatement, written: readonly WrittenStatement[]): WrittenStatement | undefined {
  if (ofTests.test(text)) return undefined;
  const origins = written.filter((each) => each.pattern.test(text) && (weightOf(each) > 12 || /_live\b/.test(text)));
  return origins.toSorted((a, b) => weightOf(b) - weightOf(a))[0];
}

function weightOf({ text }: WrittenStatement): number {
  return text.replaceAll(/[…\s]/g, '').length;
}

interface Databases extends AsyncDisposable {
  /** Returns the costs of a statement in the database with this name, or in the first that has its tables. */
  explain(sql: string, name?: string): Promise<readonly string[] | undefined>;
}

function sqliteDatabases(databases: readonly DatabaseSync[]): Databases {
  const explain =
    (database: DatabaseSync): Explain =>
    async (sql) =>
      costsOnSqlite(sql, explainOnSqlite(database, sql));
  return {
    explain: (sql) => first(databases.map(explain), sql),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function postgresDatabases(url: string, executed: readonly ExecutedStatement[]): Databases {
  const clients = new Map<string, Promise<pg.Client>>();
  const connect = async (name: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: new URL(`/${encodeURIComponent(name)}`, url).href });
    await client.connect();
    return client;
  };
  const explain =
    (name: string): Explain =>
    async (sql) => {
      const client = clients.get(name) ?? connect(name);
      clients.set(name, client);
      return await unavoidableSteps(await client, sql);
    };
  const names = [...new Set(executed.map(({ database }) => String(database)))];
  return {
    explain: (sql, name) => first((name === undefined ? names : [name]).map(explain), sql),
    async [Symbol.asyncDispose]() {
      for (const client of clients.values()) await (await client).end();
    },
  };
}

async function first(candidates: readonly Explain[], sql: string): Promise<readonly string[] | undefined> {
  for (const explain of candidates) {
    const costs = await explain(sql).catch(() => undefined);
    if (costs !== undefined) return costs;
  }
  return undefined;
}

// Lists of values, and pages of limited size, within a statement.
const harmless = /^SCAN (CONSTANT ROW|\(subquery|\d+-ROW VALUES|(wanted|page|slice)$|pragma_)/;

function costsOnSqlite(sql: string, plan: readonly string[]): string[] {
  const steps = plan.filter((step) => /^SCAN |TEMP B-TREE/.test(step) && !harmless.test(step));
  // A page is found by all its filters, so it does not read what they leave out.
  const filters = /^(SELECT|WITH)\b.*\bLIMIT\b/.test(sql)
    ? [...sql.matchAll(/\b(\w+) = \$\d+/g)].map(([, column]) => String(column))
    : [];
  const uncovered = filters.filter((column) => !plan.some((step) => new RegExp(`\\b${column}=\\?`).test(step)));
  return [...steps, ...uncovered.map((column) => `no index with ${column}`)];
}
