import type { Projection } from '../../gen/ts/ops/v1/projection.ts';
import { printable } from '../dead-letters/letter-text.ts';

const headings = ['PROJECTION', 'EVENTS BEHIND', 'FOR', 'PARKED', 'GENERATION', 'STATE'];

/** Projections as lines of a table, the headings first; a sentence when there are none. */
export function projectionTable(projections: readonly Projection[], nowMs: number): string[] {
  if (projections.length === 0) return ['there are no projections'];
  const rows = [headings, ...projections.map((projection) => cellsOf(projection, nowMs).map(printable))];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function cellsOf(projection: Projection, nowMs: number): string[] {
  const { name, position, headPosition, behindSince, parkedEvents, generation, rebuilding } = projection;
  const behindMs = behindSince ? Math.max(0, nowMs - behindSince.getTime()) : 0;
  const lag = behindSince ? `${(behindMs / 1_000).toFixed(1)} s` : '-';
  const state = rebuilding ? 'being made again' : 'answers';
  return [name, `${headPosition - position}`, lag, `${parkedEvents}`, `${generation}`, state];
}
