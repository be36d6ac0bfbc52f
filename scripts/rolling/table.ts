import { formatTable } from '../support/format.ts';
import type { Counts } from './callers.ts';
import type { RollingResult } from './run.ts';

const shownItems = 5;

/** The report of a rolling restart: a table of failed calls, and what the orders did. */
export function reportLines({ phases, effects, errors }: RollingResult): string[] {
  const callers = [...(phases[0]?.calls.keys() ?? [])];
  const rows = [
    ['restarted', 'seconds', ...callers],
    ...phases.map(({ service, seconds, calls }) => [
      service,
      seconds.toFixed(1),
      ...callers.map((caller) => cellOf(calls.get(caller))),
    ]),
  ];
  const { orders, lost, doubled, deadLetters, findings } = effects;
  return [
    '',
    'failed calls, of all',
    ...formatTable(rows),
    ...callers.flatMap((caller) => shown(caller, errors.get(caller) ?? [])),
    '',
    ...formatTable([
      ['orders completed', orders.toLocaleString('en')],
      ['effects lost', `${lost.length}`],
      ['effects doubled', `${doubled.length}`],
      ['dead letters', `${deadLetters.length}`],
      ['findings of the audit', `${findings.length}`],
    ]),
    ...shown('lost', lost),
    ...shown('doubled', doubled),
    ...shown('dead letter', deadLetters),
    ...shown('finding', findings),
  ];
}

function cellOf(counts: Counts | undefined): string {
  return counts === undefined ? '' : `${counts.failed} of ${counts.calls.toLocaleString('en')}`;
}

function shown(name: string, texts: readonly string[]): string[] {
  return texts.slice(0, shownItems).map((text) => `  ${name}: ${text}`);
}
