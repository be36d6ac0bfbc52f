const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\])*"|[\w.]+|\s+|[\s\S]/g;
const brackets: Readonly<Record<string, number>> = { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 };

/** Import paths of contracts that only define options. */
export function isOptionsOnly(path: string): boolean {
  return /^(buf|google\/api|mesh)\//.test(path);
}

/**
 * Returns the source of a contract without custom options and without the imports that only they need. Messages, services,
 * comments and the built-in options stay.
 */
export function withoutCustomOptions(source: string): string {
  const tokens = source.match(token) ?? [];
  let kept = '';
  for (let at = 0; at < tokens.length; at++) {
    const [first = '', , third = ''] = tokens.slice(at, at + 3);
    const isOption = first === 'option' && third === '(';
    if (isOption || (first === 'import' && isOptionsOnly(third.slice(1, -1)))) {
      at = endOf(tokens, at, ';');
      // The rest of its line goes with it.
      kept = kept.replace(/\n[ \t]*$/, '');
    } else if (first === '[') {
      const end = endOf(tokens, at + 1, ']');
      const fieldOptions = builtInOnly(tokens.slice(at + 1, end));
      kept = fieldOptions === '' ? kept.trimEnd() : `${kept}[${fieldOptions}]`;
      at = end;
    } else {
      kept += first;
    }
  }
  return kept.replaceAll(/\{\s+\}/g, '{}').replaceAll(/\n{3,}/g, '\n\n');
}

/** The options of a field that are not in parentheses. */
function builtInOnly(tokens: readonly string[]): string {
  const options: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const end = endOf(tokens, at, ',');
    options.push(tokens.slice(at, end).join('').trim());
    at = end;
  }
  return options.filter((option) => !option.startsWith('(')).join(', ');
}

/** The index of the next `closing` that is not in brackets opened after `from`, or the end. */
function endOf(tokens: readonly string[], from: number, closing: string): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    const value = tokens[at] ?? '';
    if (depth === 0 && value === closing) return at;
    depth += brackets[value] ?? 0;
  }
  return tokens.length;
}
