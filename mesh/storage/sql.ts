/** SQL as it is written in this code base, read once per text. */
export interface ParsedSql {
  /** The text with `?1` for `$1`, as SQLite numbers its parameters. */
  readonly numbered: string;
  /** How many parameters it takes: the highest number in it. */
  readonly parameterCount: number;
  /** Whether it can only read, so that it needs no transaction. False when that cannot be seen from its first word. */
  readonly readsOnly: boolean;
  /** Whether it changes rows, so that a count of changes belongs to it. */
  readonly changesRows: boolean;
}

// A parameter counts only outside of strings, quoted names and comments, which are matched first to be passed over.
const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\d+)/g;
const leadingComments = /^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/;

/** Reads a statement with `$1` parameters. */
export function parseSql(sql: string): ParsedSql {
  let parameterCount = 0;
  const numbered = sql.replace(tokens, (token: string, digits: string | undefined) => {
    if (digits === undefined) return token;
    parameterCount = Math.max(parameterCount, Number(digits));
    return `?${digits}`;
  });
  const body = sql.replace(leadingComments, '');
  return {
    numbered,
    parameterCount,
    readsOnly: /^(?:select|values)\b/i.test(body),
    changesRows: /^(?:insert|update|delete|with)\b/i.test(body),
  };
}

/** A statement in one line for an error's text; parameters are never in it. */
export function sqlForMessage(sql: string): string {
  const line = sql.replace(/\s+/g, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
