import { formatTable } from '../../scripts/support/format.ts';
import type { Figure } from '../figure.ts';

const headings = ['figure', 'value', 'peer', 'ratio', 'target', 'met'];

/** Formats figures as a Markdown table. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = [headings, ...figures.map(cellsOf)];
  const [head = '', ...body] = formatTable(rows, { start: '| ', between: ' | ', end: ' |' });
  const rule = head.replace(/ ([^|]+) /g, (_, cell: string) => ` ${'-'.repeat(cell.length)} `);
  return [head, rule, ...body].join('\n');
}

function cellsOf({ name, value, peer, ratio, target, met }: Figure): string[] {
  return [name, value, peer ?? '', ratio?.toFixed(2) ?? '', target, verdictOf(target, met)];
}

function verdictOf(target: string, met: boolean): string {
  if (target === '') return '';
  return met ? 'yes' : 'NO';
}
