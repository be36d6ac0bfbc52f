import { ContractError } from '../contract-error.ts';

/** The characters of `\s` in RE2; JavaScript's has all of Unicode's spaces. */
const spaces = '\\t\\n\\f\\r ';

/** Escapes that mean the same in both. */
const commonEscape = /^\\[dDwWbBnrtfvpPx^$.*+?()[\]{}|/\\]$/;

/** RE2 allows any punctuation to be escaped; JavaScript, with the flag `u`, only what needs it. */
const needlessEscape = /^\\[!-/:-@[-`{-~]$/;

/** Syntax that JavaScript accepts with another meaning. */
const otherMeaning = /\[\^?\]|\[\[:/;

/**
 * Translates a pattern in RE2's syntax, which `buf.validate` uses, into the source of a JavaScript regular expression with
 * the flag `u` and the same meaning. Throws a {@link ContractError} for what JavaScript does not support.
 */
export function toJavaScriptPattern(pattern: string, where: string): string {
  const foreign = otherMeaning.exec(pattern);
  if (foreign !== null) throw refusal(pattern, foreign[0], where);
  let isInClass = false;
  const source = pattern.replaceAll(/\\?./gsu, (token) => {
    if (token === '[') isInClass = true;
    if (token === ']') isInClass = false;
    if (token.startsWith('\\')) return translateEscape(token, isInClass) ?? fail(pattern, token, where);
    // RE2's dot stops only at a line feed.
    return token === '.' && !isInClass ? '[^\\n]' : token;
  });
  return assertCompiles(source, pattern, where);
}

function translateEscape(token: string, isInClass: boolean): string | undefined {
  if (token === '\\s') return isInClass ? spaces : `[${spaces}]`;
  if (token === '\\S' && !isInClass) return `[^${spaces}]`;
  if (commonEscape.test(token) || (token === '\\-' && isInClass)) return token;
  return needlessEscape.test(token) ? token.slice(1) : undefined;
}

function assertCompiles(source: string, pattern: string, where: string): string {
  try {
    new RegExp(source, 'u');
    return source;
  } catch (cause) {
    throw new ContractError(where, `the pattern ${pattern} is not valid in JavaScript: ${String(cause)}`);
  }
}

function fail(pattern: string, syntax: string, where: string): never {
  throw refusal(pattern, syntax, where);
}

function refusal(pattern: string, syntax: string, where: string): ContractError {
  return new ContractError(where, `the pattern ${pattern} uses ${syntax}, which protoc-gen-mesh does not support`);
}
