import type { Check, RuleContext } from '../check.ts';

/** Compiles the check that the value is one of a list, given as code (`literals`) and as text (`texts`). */
export function compileIn(
  literals: readonly string[],
  texts: readonly string[],
  value: string,
  context: RuleContext,
): Check {
  return { broken: `!${contains(literals, value, context)}`, description: `must be one of ${texts.join(', ')}` };
}

/** Compiles the check that the value is not one of a list. */
export function compileNotIn(
  literals: readonly string[],
  texts: readonly string[],
  value: string,
  context: RuleContext,
): Check {
  return { broken: contains(literals, value, context), description: `must not be one of ${texts.join(', ')}` };
}

function contains(literals: readonly string[], value: string, { module }: RuleContext): string {
  // Without a type the set has literal types, and `has` accepts no other value.
  const type = literals[0]?.startsWith("'") ? 'string' : literals[0]?.endsWith('n') ? 'bigint' : 'number';
  return `${module.constant('listed', `new Set<${type}>([${literals.join(', ')}])`)}.has(${value})`;
}
