import type { Check } from './check.ts';
import { indent, quote } from './generated-module.ts';

/** The statement that reports a broken rule; `path` is the field's path as an expression. */
export function report({ broken, description, requiredText }: Check, path: string): string {
  const told = requiredText === undefined ? '' : `${requiredText} === '' ? 'is required' : `;
  return `if (${broken}) out.push({ field: ${path}, description: ${told}${quote(description)} });`;
}

/** Statements under a head, such as `if (…)` or `else`. */
export function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...indent(body), '}'];
}

/** The tests of a value and the statements for what is inside it, all under a condition if there is one. */
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
