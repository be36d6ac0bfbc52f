import type pg from 'pg';
import type { Row, SqlValue } from '../storage.ts';
import type { PreparedStatement } from './statements.ts';
import { type Parameter, type Parse, parserOf } from './values.ts';

/** A statement with its parameters. */
export interface BatchedStatement {
  readonly statement: PreparedStatement;
  readonly params: readonly Parameter[];
}

/** The answer to one statement. */
export interface BatchedResult {
  /** Reads its rows. Throws if the server sent a value that cannot be read. */
  rows(): Row[];
  readonly changes: number;
  /** What the server says that it did, such as `INSERT 0 1`. */
  readonly tag: string;
}

/** The answers to a batch: of all statements, or of those before the one that failed. */
export interface BatchAnswer {
  readonly results: readonly BatchedResult[];
  readonly error?: unknown;
}

type Columns = readonly { readonly name: string; readonly parse: Parse }[];
type Fields = readonly (string | null)[];

/** The messages of pg. Its types have a parameter `more`, which its code does not have. */
interface Messages {
  readonly stream: { cork(): void; uncork(): void };
  parse(statement: { readonly name: string; readonly text: string }): void;
  bind(portal: { readonly statement: string; readonly values: readonly Parameter[] }): void;
  describe(portal: { readonly type: 'P' }): void;
  execute(): void;
  close(statement: { readonly type: 'S'; readonly name: string }): void;
  sync(): void;
}

// The columns of what each connection has prepared, by name; `undefined` if it may be prepared or not, because it failed the first time.
const preparedOn = new WeakMap<pg.ClientBase, Map<string, Columns | undefined>>();

/**
 * Sends statements in one message and calls `onAnswer` with the answers. Once one fails, the server skips the rest.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export function sendBatch(
  client: pg.ClientBase,
  statements: readonly BatchedStatement[],
  onAnswer: (answer: BatchAnswer) => void,
): void {
  const prepared = preparedOn.get(client) ?? new Map<string, Columns | undefined>();
  preparedOn.set(client, prepared);
  const results: BatchedResult[] = [];
  const nameOfCurrent = (): string => statements[results.length]?.statement.name ?? '';
  let described: Columns | undefined;
  let rows: Fields[] = [];

  const complete = (tag: string): void => {
    const name = nameOfCurrent();
    const columns = described ?? prepared.get(name) ?? [];
    if (name !== '') prepared.set(name, columns);
    const fields = rows;
    results.push({ rows: () => fields.map((values) => toRow(columns, values)), changes: changesOf(tag), tag });
    described = undefined;
    rows = [];
  };
  client.query({
    submit: (connection) => send(connection as unknown as Messages, statements, prepared),
    handleRowDescription({ fields }: { readonly fields: readonly pg.FieldDef[] }) {
      described = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
    },
    handleDataRow: ({ fields }: { readonly fields: Fields }) => void rows.push(fields),
    handleCommandComplete: ({ text }: { readonly text: string }) => complete(text),
    handleEmptyQuery: () => complete(''),
    handleReadyForQuery: () => onAnswer({ results }),
    handleError(error: unknown) {
      const name = nameOfCurrent();
      if (name !== '' && prepared.get(name) === undefined) prepared.set(name, undefined);
      onAnswer({ results, error });
    },
  });
}

function send(
  to: Messages,
  statements: readonly BatchedStatement[],
  prepared: ReadonlyMap<string, Columns | undefined>,
): void {
  const parsed = new Set<string>();
  to.stream.cork();
  for (const { statement, params } of statements) {
    const { name = '', text } = statement;
    const isPrepared = prepared.get(name) !== undefined;
    if (!isPrepared && !parsed.has(name)) {
      if (prepared.has(name)) to.close({ type: 'S', name });
      to.parse({ name, text });
      if (name !== '') parsed.add(name);
    }
    to.bind({ statement: name, values: params });
    if (!isPrepared) to.describe({ type: 'P' });
    to.execute();
  }
  to.sync();
  to.stream.uncork();
}

function toRow(columns: Columns, values: Fields): Row {
  const row: Record<string, SqlValue> = {};
  for (const [index, { name, parse }] of columns.entries()) {
    const text = values[index] ?? null;
    row[name] = text === null ? null : parse(text);
  }
  return row;
}

/** The number of rows that ends a tag such as `INSERT 0 1`. */
function changesOf(tag: string): number {
  return tag.startsWith('SELECT') ? 0 : Number(tag.slice(tag.lastIndexOf(' ') + 1)) || 0;
}
