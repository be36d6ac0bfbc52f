import type { FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { Check, RuleContext } from '../check.ts';

/**
 * Compiles the check that a text of a request has no NUL (U+0000), which PostgreSQL cannot store; none if a rule of the text does not
 * allow it anyway. `rules` may be absent.
 */
export function compileNul(rules: FieldRules | undefined, value: string, { runtime }: RuleContext): Check[] {
  if (rules !== undefined && excludesNul(rules)) return [];
  return [{ broken: `${runtime('hasNul', 'value-checks')}(${value})`, description: 'must not contain NUL (U+0000)' }];
}

function excludesNul({ type }: FieldRules): boolean {
  if (type.case !== 'string') return false;
  const { wellKnown, pattern } = type.value;
  return wellKnown.value === true || isClosed(pattern);
}

/** Escapes of single characters that can be printed, and classes that list what they contain. */
const printable = /\\[!-/:-@[-`{-~]/g;
const listing = /\[[^\]^\\\0][^\]\\\0]*\]/g;

/** What is left of an anchored pattern without these: characters, their repetition, and groups, which may have alternatives. */
const closed = /^\^(?:[^.\\[|()\0]|\([^.\\[()\0]*\))*\$$/;

/** Whether a pattern is sure not to match a text with NUL. Of some it is not known. */
function isClosed(pattern: string): boolean {
  return closed.test(pattern.replaceAll(printable, '').replaceAll(listing, ''));
}
