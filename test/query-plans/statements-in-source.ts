import { globSync, readFileSync } from 'node:fs';

/** A statement, or the beginning of it, as it is written in a source file. */
export interface WrittenStatement {
  /** `services/order/store.ts:40` */
  readonly place: string;
  /** In one line, with `…` for what is inserted. */
  readonly text: string;
  /** As it can be explained, if nothing is inserted but lists of columns. */
  readonly sql: string | undefined;
  /** Matches a statement, in one line, that was made from it. */
  readonly pattern: RegExp;
}

const beginning = /(['"`])\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|VALUES)\b/g;

/** Finds all statements of services and runtime that read or change rows. */
export function statementsInSource(): WrittenStatement[] {
  const files = globSync('{mesh,services}/**/*.ts').filter(
    (file) => !/\.(test|suite)\.ts$|\/(suite|testing)\//.test(file),
  );
  return files.toSorted().flatMap((file) => {
    const source = readFileSync(file, 'utf8');
    return [...source.matchAll(beginning)].map(({ index }) => {
      const parts = partsOf(source, index);
      const line = source.slice(0, index).split('\n').length;
      const text = oneLine(parts.join('…'));
      const sql = text.replace(/^SELECT …/, 'SELECT *').replace(/RETURNING …$/, 'RETURNING *');
      return {
        place: `${file}:${line}`,
        text,
        sql: sql.includes('…') ? undefined : sql,
        pattern: new RegExp(parts.map((part) => literally(oneLine(part))).join('.*')),
      };
    });
  });
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A statement in one line, with `$1` for the parameters of each database. */
export function oneLine(sql: string): string {
  return sql
    .replaceAll(/--[^\n]*/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\?(\d+)/g, '$$$1')
    .trim();
}

/** The parts of the text that begins with a quote at `start`, between what is inserted. */
function partsOf(source: string, start: number): string[] {
  const quote = source[start];
  const parts: string[] = [];
  let part = '';
  for (let index = start + 1; source[index] !== quote; index += 1) {
    failAtEnd(source, index);
    if (quote === '`' && source.startsWith('${', index)) {
      index = endOfInsertion(source, index + 2);
      parts.push(part);
      part = '';
    } else {
      part += source[index] === '\\' ? source[++index] : source[index];
    }
  }
  return [...parts, part];
}

/** The index of the brace that closes an insertion. Texts in it may have insertions of their own. */
function endOfInsertion(source: string, start: number): number {
  let depth = 0;
  for (let index = start; ; index += 1) {
    failAtEnd(source, index);
    const character = source[index];
    if (character === '}' && depth === 0) return index;
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character === "'" || character === '"' || character === '`') {
      let end = index + 1;
      for (; source[end] !== character; end += 1) {
        failAtEnd(source, end);
        if (source[end] === '\\') end += 1;
        else if (character === '`' && source.startsWith('${', end)) end = endOfInsertion(source, end + 2);
      }
      index = end;
    }
  }
}

/** Without it, a text that these functions do not understand would be searched for ever. */
function failAtEnd(source: string, index: number): void {
  if (index >= source.length)
    throw new Error(`no end of a text in the source that begins with ${source.slice(0, 200)}`);
}
