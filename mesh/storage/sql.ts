import type { Dialect, SqlValue } from './storage.ts';

/** A statement with `$1` parameters, as this code base writes it. Each text is parsed once. */
export interface ParsedSql {
  /** The text as SQLite runs it: `?1` for `$1`. */
  readonly numbered: string;
  /** The number of its parameters: the highest number in it. */
  readonly parameterCount: number;
  /** Whether it only reads, so it needs no transaction. False if its first word does not show that. */
  readonly readsOnly: boolean;
  /** Whether it changes rows, so its result has a count of changes. */
  readonly changesRows: boolean;
  /** Whether it changes tables, or takes that back, so the columns of other statements may be others. */
  readonly changesSchema: boolean;
}

// A parameter counts only outside of strings, quoted names and comments, which are matched first and skipped.
const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\bLIMIT\s+)?\$(\d+)/gi;
const leadingComments = /^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/;

export function parseSql(sql: string): ParsedSql {
  let parameterCount = 0;
  const numbered = sql.replace(tokens, (token: string, limit: string | undefined, digits: string | undefined) => {
    if (digits === undefined) return token;
    parameterCount = Math.max(parameterCount, Number(digits));
    // SQLite compiles a statement again for each new value of a plain `LIMIT ?1`, which takes longer than to run it.
    return limit === undefined ? `?${digits}` : `${limit}CAST(?${digits} AS INTEGER)`;
  });
  const body = sql.replace(leadingComments, '');
  return {
    numbered,
    parameterCount,
    readsOnly: /^(?:select|values)\b/i.test(body),
    changesRows: /^(?:insert|update|delete|with)\b/i.test(body),
    changesSchema: /^(?:create|alter|drop|rollback)\b/i.test(body),
  };
}

/** A statement in one line, for the text of an error. It never contains parameters. */
export function sqlForMessage(sql: string): string {
  const line = sql.replace(/\s+/g, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}

/**
 * Placeholders and parameters for `IN (...)`. The list is padded to a power of two, with its last value by default, so lists
 * of all lengths share few prepared statements. It must not be empty.
 */
export function paddedList<Value extends SqlValue, Padding extends SqlValue = Value>(
  values: readonly Value[],
  padding = values.at(-1) as Value | Padding,
): { readonly placeholders: string; readonly params: readonly (Value | Padding)[] } {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  const params = [...values, ...Array.from({ length: length - values.length }, () => padding)];
  return { placeholders: params.map((_, index) => `$${index + 1}`).join(', '), params };
}

/** Makes a text from outside storable in every database: PostgreSQL refuses NUL, which becomes U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** The time of the database, in milliseconds since the epoch, as SQL: processes that share a database all go by it. */
export function nowSql({ dialect }: { readonly dialect: Dialect }): string {
  return dialect === 'postgres'
    ? 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)'
    : "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
}
