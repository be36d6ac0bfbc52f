import { formatTable } from '../scripts/support/format.ts';

/** One row of the results. */
export interface Figure {
  readonly name: string;
  /** The measured value with its unit. */
  readonly value: string;
  /** The peer's value in the same run, if there is a peer. */
  readonly peer?: string;
  /** Our value divided by the peer's. */
  readonly ratio?: number;
  /** Empty: the figure has no target. */
  readonly target: string;
  readonly met: boolean;
}

/** Measures on its own servers and stops them before it returns. */
export type Benchmark = () => Promise<readonly Figure[]>;

/** A rate per second whose ratio to the peer's must be at least `minRatio`. */
export function compared(name: string, ours: number, peers: number, minRatio: number): Figure {
  const ratio = ours / peers;
  return {
    name,
    value: perSecond(ours),
    peer: perSecond(peers),
    ratio,
    target: `ratio >= ${minRatio.toFixed(2)}`,
    met: ratio >= minRatio,
  };
}

/** A value with a maximum. `unit` is empty for counts. */
export function atMost(name: string, value: number, limit: number, unit: string): Figure {
  return {
    name,
    value: `${rounded(value)} ${unit}`.trimEnd(),
    target: `<= ${limit} ${unit}`.trimEnd(),
    met: value <= limit,
  };
}

/** A value with a minimum. */
export function atLeast(name: string, value: number, limit: number, unit: string): Figure {
  return { name, value: `${rounded(value)} ${unit}`, target: `>= ${limit} ${unit}`, met: value >= limit };
}

/** A rate per second with a minimum, shown next to the peer's. */
export function atLeastVersusPeer(name: string, ours: number, peers: number, limit: number): Figure {
  const target = `>= ${limit} /s`;
  return { name, value: perSecond(ours), peer: perSecond(peers), ratio: ours / peers, target, met: ours >= limit };
}

/** A rate per second without a target, shown next to the peer's. */
export function versusPeer(name: string, ours: number, peers: number): Figure {
  return { ...atLeastVersusPeer(name, ours, peers, 0), target: '' };
}

/** A value with a maximum, shown next to the peer's. */
export function atMostVersusPeer(name: string, ours: number, peers: number, limit: number, unit: string): Figure {
  return { ...atMost(name, ours, limit, unit), peer: `${rounded(peers)} ${unit}`, ratio: ours / peers };
}

/** A value that must be at most this many times the peer's. */
export function atMostOfPeer(name: string, ours: number, peers: number, maxRatio: number, unit: string): Figure {
  const figure = atMostVersusPeer(name, ours, peers, peers * maxRatio, unit);
  return { ...figure, target: `ratio <= ${maxRatio.toFixed(2)}` };
}

/** A value that must be lower than the peer's. */
export function below(name: string, ours: number, peers: number, unit: string): Figure {
  return { ...atMostVersusPeer(name, ours, peers, peers, unit), target: 'ratio < 1', met: ours < peers };
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}

function rounded(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2);
}

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
