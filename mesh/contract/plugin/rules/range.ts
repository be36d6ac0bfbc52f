import type { Check } from '../check.ts';

/** One end of a range. */
export interface Bound {
  readonly operator: '<' | '<=' | '>' | '>=';
  /** The expression that the value is compared with. */
  readonly literal: string;
  /** Orders bounds; `undefined` if the bound is only known at run time. */
  readonly order: number | bigint | undefined;
  /** The bound as text: `5`. */
  readonly text: string;
}

const words = { '<': 'less than', '<=': 'at most', '>': 'greater than', '>=': 'at least' };

/**
 * Compiles the check of a range. If the upper bound is below the lower one, the value must lie outside of the two, as in
 * `buf.validate`. A NaN is in no range.
 */
export function compileRange(lower: Bound | undefined, upper: Bound | undefined, value: string): Check | undefined {
  const bounds = [lower, upper].filter((bound) => bound !== undefined);
  if (bounds.length === 0) return undefined;
  const isOutside = lower?.order !== undefined && upper?.order !== undefined && upper.order < lower.order;
  const holds = bounds.map(({ operator, literal }) => `${value} ${operator} ${literal}`);
  const described = bounds.map(({ operator, text }) => `${words[operator]} ${text}`);
  return {
    broken: `!(${holds.join(isOutside ? ' || ' : ' && ')})`,
    description: `must be ${described.join(isOutside ? ' or ' : ' and ')}`,
  };
}
