/** How the cells of a table are separated. */
export interface TableStyle {
  readonly start: string;
  readonly between: string;
  readonly end: string;
}

const columns: TableStyle = { start: '', between: '  ', end: '' };

/** Formats rows of cells as lines with aligned columns. */
export function formatTable(rows: readonly (readonly string[])[], style: TableStyle = columns): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return `${style.start}${cells.join(style.between)}${style.end}`.trimEnd();
  });
}

/** Escapes control characters, so text from events, tasks and rows cannot control the terminal. */
export function escapeControls(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
