import type { Check } from './check.ts';
import { indent, quote } from './generated-module.ts';

/** Returns the statement that reports a broken rule; `path` is the expression for the field's path. */
export function report({ broken, description, requiredText }: Check, path: string): string {
  const ifEmpty = requiredText === undefined ? '' : `${requiredText} === '' ? 'is required' : `;
  return `if (${broken}) out.push({ field: ${path}, description: ${ifEmpty}${quote(description)} });`;
}

/** Returns statements in a block with a head, such as `if (…)` or `else`. */
export function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...indent(body), '}'];
}

/** Returns the checks of a value and the statements for what is inside it, under a condition if there is one. */
export function guard(
  condition: string | undefined,
  checks: readonly Check[],
  path: string,
  inner: readonly string[],
): string[] {
  const [only, ...others] = checks;
  const body = [...checks.map((check) => report(check, path)), ...inner];
  if (condition === undefined || body.length === 0) return body;
  if (only !== undefined && others.length === 0 && inner.length === 0) {
    return [report({ ...only, broken: `${condition} && ${only.broken}` }, path)];
  }
  return block(`if (${condition})`, body);
}
