import type { Figure } from '../figure.ts';

const heads = ['figure', 'value', 'peer', 'ratio', 'target', 'met'];

/** The figures as a table of Markdown with aligned columns. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = [heads, ...figures.map(cellsOf)];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  const [head = heads, ...body] = rows;
  const rule = line(
    heads.map(() => ''),
    '-',
  );
  return [line(head), rule, ...body.map((row) => line(row))].join('\n');
}

function cellsOf({ name, value, peer, ratio, target, met }: Figure): string[] {
  return [name, value, peer ?? '', ratio?.toFixed(2) ?? '', target, verdictOf(target, met)];
}

function verdictOf(target: string, met: boolean): string {
  if (target === '') return '';
  return met ? 'yes' : 'NO';
}
