export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Highlighted. */
  readonly ours: boolean;
}

const width = 720;
const namesWidth = 280;
const valuesWidth = 80;
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
  const max = Math.max(...bars.map(({ value }) => value));
  const height = titleHeight + bars.length * rowHeight;
  const label = escaped(`${title}: ${bars.map(({ name, value }) => `${name} ${shown(value)}`).join('; ')}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">`,
    `<style>${style}</style>`,
    `<text class="title" x="0" y="20">${escaped(title)}</text>`,
    ...bars.map((bar, index) => drawBar(bar, titleHeight + index * rowHeight, max)),
    '</svg>\n',
  ].join('\n');
}

function drawBar({ name, value, ours }: Bar, top: number, max: number): string {
  const length = Math.round((value / max) * (width - namesWidth - valuesWidth));
  const baseline = top + barHeight - 4;
  return [
    `<text x="${namesWidth - 10}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
    `<rect${ours ? ' class="ours"' : ''} x="${namesWidth}" y="${top}" width="${length}" height="${barHeight}" rx="3"/>`,
    `<text x="${namesWidth + length + 8}" y="${baseline}">${shown(value)}</text>`,
  ].join('\n');
}

function shown(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
