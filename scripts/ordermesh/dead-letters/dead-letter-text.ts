import { type DeadLetter, type DeadLetterClosing, DeadLetterOutcome, deadLetterSourceToJSON } from '#gen/ops/v1/ops.ts';
import { escapeControls, formatTable } from '../../support/format.ts';

const headings = ['ID', 'SOURCE', 'ORIGIN', 'REASON', 'ATTEMPTS', 'LAST TIME', 'SUBJECT'];
const bytesPerLine = 16;

/** Formats dead letters as a table, one line each. */
export function deadLetterTable(deadLetters: readonly DeadLetter[]): string[] {
  return formatTable([headings, ...deadLetters.map(cellsOf)]);
}

/**
 * Formats everything in a dead letter. `closedBy`: who closed it, empty if that is not known. The payload is shown as
 * text if it is valid text, otherwise in hexadecimal.
 */
export function describeDeadLetter(deadLetter: DeadLetter, closedBy: string): string[] {
  const [id = '', source = '', origin = '', reason = '', attempts = '', lastTime = '', subject = ''] =
    cellsOf(deadLetter);
  const headers = Object.entries(deadLetter.headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    `id          ${id}`,
    `source      ${source}`,
    `origin      ${origin}`,
    `subject     ${subject}`,
    `reason      ${reason}`,
    `error       ${escapeControls(deadLetter.error)}`,
    `attempts    ${attempts}`,
    `first time  ${timeText(deadLetter.firstTime)}`,
    `last time   ${lastTime}`,
    ...(deadLetter.closing ? closingLines(deadLetter.closing, closedBy) : []),
    ...headers.map(([name, value]) => `header      ${escapeControls(name)}: ${escapeControls(value)}`),
    ...(deadLetter.headersOmitted
      ? ['headers     some are left out or cut, because they exceed 512 KiB; a redrive delivers all of them']
      : []),
    `payload     ${deadLetter.payload.length} bytes`,
    ...payloadLines(deadLetter.payload),
  ];
}

/** The log has the peer of the call under its request id. */
function closingLines({ outcome, note, time, requestId }: DeadLetterClosing, closedBy: string): string[] {
  const isDiscarded = outcome === DeadLetterOutcome.DEAD_LETTER_OUTCOME_DISCARDED;
  return [
    `closed      ${isDiscarded ? 'discarded' : 'redriven'} ${timeText(time)}`,
    ...(note === '' ? [] : [`note        ${escapeControls(note)}`]),
    ...(requestId === ''
      ? []
      : [
          `closed by   ${escapeControls(closedBy)}${closedBy === '' ? '' : ', '}request_id ` +
            `${escapeControls(requestId)} in the log`,
        ]),
  ];
}

function cellsOf({ id, source, origin, reason, attempts, lastTime, subjectId }: DeadLetter): string[] {
  const sourceText = deadLetterSourceToJSON(source).replace('DEAD_LETTER_SOURCE_', '').toLowerCase();
  return [id, sourceText, origin, reason, `${attempts}`, timeText(lastTime), subjectId].map(escapeControls);
}

function timeText(time: Date | undefined): string {
  return time?.toISOString() ?? '';
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
