import { type DeadLetter, deadLetterSourceToJSON } from '../../gen/ts/ops/v1/ops.ts';

const headings = ['ID', 'SOURCE', 'ORIGIN', 'REASON', 'ATTEMPTS', 'LAST TIME', 'SUBJECT'];
const bytesPerLine = 16;

/** Dead letters as lines of a table, the headings first. */
export function letterTable(letters: readonly DeadLetter[]): string[] {
  const rows = [headings, ...letters.map(cellsOf)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** All of a dead letter: its payload as text where it is some, in hexadecimal where it is not. */
export function letterLines(letter: DeadLetter): string[] {
  const [id = '', source = '', origin = '', reason = '', attempts = '', lastTime = '', subject = ''] = cellsOf(letter);
  const headers = Object.entries(letter.headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    `id          ${id}`,
    `source      ${source}`,
    `origin      ${origin}`,
    `subject     ${subject}`,
    `reason      ${reason}`,
    `error       ${printable(letter.error)}`,
    `attempts    ${attempts}`,
    `first time  ${timeText(letter.firstTime)}`,
    `last time   ${lastTime}`,
    ...headers.map(([name, value]) => `header      ${printable(name)}: ${printable(value)}`),
    `payload     ${letter.payload.length} bytes`,
    ...payloadLines(letter.payload),
  ];
}

function cellsOf({ id, source, origin, reason, attempts, lastTime, subjectId }: DeadLetter): string[] {
  const sourceText = deadLetterSourceToJSON(source).replace('DEAD_LETTER_SOURCE_', '').toLowerCase();
  return [id, sourceText, origin, reason, `${attempts}`, timeText(lastTime), subjectId].map(printable);
}

function timeText(time: Date | undefined): string {
  return time?.toISOString() ?? '';
}

/** What lies in a dead letter may come from anywhere: nothing of it is to steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function payloadLines(payload: Uint8Array): string[] {
  if (payload.length === 0) return [];
  const text = textOf(payload);
  return text === undefined ? hexLines(payload) : text.split(/\r?\n/).map((line) => `  ${line}`);
}

function textOf(payload: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
    return /[^\P{Cc}\t\r\n]/u.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function hexLines(payload: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < payload.length; start += bytesPerLine) {
    const bytes = [...payload.subarray(start, start + bytesPerLine)];
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`  ${start.toString(16).padStart(6, '0')}  ${hex.padEnd(3 * bytesPerLine)} ${ascii}`);
  }
  return lines;
}
