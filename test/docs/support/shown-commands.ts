/** Commands on a page, and what the page shows of their output. */
export interface ShownCommands {
  readonly script: string;
  /** Lines in order, possibly with others in between; `…` matches anything. */
  readonly output: readonly string[];
}

/** The blocks marked `sh`, each with the output block that follows before the next of them. */
export function shownCommands(markdown: string): ShownCommands[] {
  const blocks = [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh') return [];
    const next = blocks[index + 1];
    const shown = next?.language === 'sh' ? '' : (next?.text ?? '');
    return [{ script: text, output: shown.split('\n').filter((line) => /[^\s…]/.test(line)) }];
  });
}

/** The first shown line that is missing in the output or out of order; `undefined` if there is none. */
export function missingLine(shown: readonly string[], output: string): string | undefined {
  const lines = output.split('\n').map(withSingleSpaces);
  let from = 0;
  for (const line of shown) {
    const pattern = new RegExp(
      `^${withSingleSpaces(line)
        .replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')
        .replaceAll('…', '.*')},?$`,
    );
    const found = lines.findIndex((candidate, index) => index >= from && pattern.test(candidate));
    if (found < 0) return line;
    from = found + 1;
  }
  return undefined;
}

/** Indentation, and the space after a colon, differ between builds of grpcurl. */
function withSingleSpaces(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}
