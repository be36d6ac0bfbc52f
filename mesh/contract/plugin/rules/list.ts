import type { Check, RuleContext } from '../check.ts';

/** The test that the value is one of a list; `literals` are the values as code, `texts` for people. */
export function compileIn(
  literals: readonly string[],
  texts: readonly string[],
  value: string,
  context: RuleContext,
): Check {
  return { broken: `!${contains(literals, value, context)}`, description: `must be one of ${texts.join(', ')}` };
}

/** The test that the value is none of a list. */
export function compileNotIn(
  literals: readonly string[],
  texts: readonly string[],
  value: string,
  context: RuleContext,
): Check {
  return { broken: contains(literals, value, context), description: `must be none of ${texts.join(', ')}` };
}

function contains(literals: readonly string[], value: string, { module }: RuleContext): string {
  // An untyped set would refuse to be asked for a value of a wider type.
  const type = literals[0]?.startsWith("'") ? 'string' : literals[0]?.endsWith('n') ? 'bigint' : 'number';
  return `${module.constant('listed', `new Set<${type}>([${literals.join(', ')}])`)}.has(${value})`;
}
