/** One line of the results. */
export interface Figure {
  readonly name: string;
  /** As measured, with its unit. */
  readonly value: string;
  /** What the peer reached in the same run, where there is one. */
  readonly peer?: string;
  /** Ours divided by the peer's. */
  readonly ratio?: number;
  /** Empty: it is only told. */
  readonly target: string;
  readonly met: boolean;
}

/** Measures on servers of its own, which have ended when it resolves. */
export type Benchmark = () => Promise<readonly Figure[]>;

/** A figure that is compared with a peer's: both are calls or messages a second, more is better. */
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

/** A figure that must not be above a limit, in `unit`; an empty one: things are counted. */
export function atMost(name: string, value: number, limit: number, unit: string): Figure {
  return {
    name,
    value: `${rounded(value)} ${unit}`.trimEnd(),
    target: `<= ${limit} ${unit}`.trimEnd(),
    met: value <= limit,
  };
}

/** A figure that must not be below a limit, in `unit`. */
export function atLeast(name: string, value: number, limit: number, unit: string): Figure {
  return { name, value: `${rounded(value)} ${unit}`, target: `>= ${limit} ${unit}`, met: value >= limit };
}

/** A rate that must not be below a limit, whatever the ratio to its peer. */
export function atLeastBeside(name: string, ours: number, peers: number, limit: number): Figure {
  const target = `>= ${limit} /s`;
  return { name, value: perSecond(ours), peer: perSecond(peers), ratio: ours / peers, target, met: ours >= limit };
}

/** A rate beside its peer's that has no target. */
export function beside(name: string, ours: number, peers: number): Figure {
  return { ...atLeastBeside(name, ours, peers, 0), target: '' };
}

/** A figure that must not be above a limit, in `unit`, whatever its peer needs. */
export function atMostBeside(name: string, ours: number, peers: number, limit: number, unit: string): Figure {
  return { ...atMost(name, ours, limit, unit), peer: `${rounded(peers)} ${unit}`, ratio: ours / peers };
}

/** A figure that must be below its peer's, in `unit`. */
export function below(name: string, ours: number, peers: number, unit: string): Figure {
  return { ...atMostBeside(name, ours, peers, peers, unit), target: 'ratio < 1', met: ours < peers };
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}

function rounded(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2);
}
