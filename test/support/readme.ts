/** Commands that a text shows, and what it shows of their output. */
export interface ShownCommands {
  readonly script: string;
  /** Lines in their order, with others in between; `…` stands for anything. */
  readonly output: readonly string[];
}

/** The blocks of a text marked `sh`, each with the block marked `json` or `text` that follows before the next of them. */
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

/** The first of the shown lines that the output does not have where it should; `undefined` when it has them all. */
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

/** The indentation of details, and the space after a colon, differ from build to build of grpcurl. */
function withSingleSpaces(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}
