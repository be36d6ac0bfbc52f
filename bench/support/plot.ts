export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Highlighted. */
  readonly ours: boolean;
}

const margin = 12;
const barsWidth = 360;
const valuesWidth = 80;
/** Of a letter, in the widest of the usual fonts of systems. */
const letterWidth = 7.3;
const gap = 10;
const titleHeight = 40;
const rowHeight = 30;
const barHeight = 18;

// An image cannot use the colours of its page, but it can follow the reader's colour scheme.
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  rect { fill: #8c959f }
  .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    rect { fill: #6e7681 }
    .ours { fill: #4493f8 }
  }
`;

/** Draws a horizontal bar chart as SVG, readable on light and dark backgrounds. */
export function drawBars(title: string, bars: readonly Bar[]): string {
  const namesWidth = Math.ceil(Math.max(...bars.map(({ name }) => name.length)) * letterWidth);
  const start = margin + namesWidth + gap;
  const width = start + barsWidth + valuesWidth;
  const max = Math.max(...bars.map(({ value }) => value));
  const height = titleHeight + bars.length * rowHeight;
  const label = escaped(`${title}: ${bars.map(({ name, value }) => `${name} ${shown(value)}`).join('; ')}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">`,
    `<style>${style}</style>`,
    `<text class="title" x="${margin}" y="20">${escaped(title)}</text>`,
    ...bars.map((bar, index) => drawBar(bar, { top: titleHeight + index * rowHeight, start, max })),
    '</svg>\n',
  ].join('\n');
}

interface Place {
  readonly top: number;
  /** Where the bars begin. */
  readonly start: number;
  readonly max: number;
}

function drawBar({ name, value, ours }: Bar, { top, start, max }: Place): string {
  const length = Math.round((value / max) * barsWidth);
  const baseline = top + barHeight - 4;
  return [
    `<text x="${start - gap}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
    `<rect${ours ? ' class="ours"' : ''} x="${start}" y="${top}" width="${length}" height="${barHeight}" rx="3"/>`,
    `<text x="${start + length + 8}" y="${baseline}">${shown(value)}</text>`,
  ].join('\n');
}

function shown(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
