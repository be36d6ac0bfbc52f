import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from './ghz.ts';
import type { ServerFigures } from './server.ts';
import { errorLines, rampTable, resultTable, serverLines } from './tables.ts';

/** Everything that `make load` found out. */
export interface LoadResult {
  readonly profile: string;
  readonly title: string;
  readonly address: string;
  readonly startTime: Date;
  readonly runs: readonly RunResult[];
  readonly server: ServerFigures;
  /** How long the accepted orders took to end. */
  readonly drained: readonly string[];
  /** The findings of the audit or its summary, or why there was none. */
  readonly audit: readonly string[];
}

const reportFolder = '.cache/load';
const slices = 40;
const [width, height] = [640, 160];
const minBadHeight = 3;

const style = `
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
  table { border-collapse: collapse; margin: 1rem 0 }
  th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid #8c959f55 }
  th:first-child, td:first-child { text-align: left }
  svg { background: #8c959f18; border-radius: 4px } figure { display: inline-block; margin: .5rem 1rem .5rem 0 }
  rect { fill: #0969da } .bad { fill: #cf222e } pre { white-space: pre-wrap }
`;

/** Writes a page with the tables of a run and its course over time. Returns the path. */
export async function writeReport(result: LoadResult): Promise<string> {
  await mkdir(reportFolder, { recursive: true });
  const time = result.startTime.toISOString().replace(/\.\d+Z$/, 'Z');
  const path = join(reportFolder, `${time.replaceAll(':', '')}-${result.profile}.html`);
  await writeFile(path, page(result, time));
  return path;
}

function page(result: LoadResult, time: string): string {
  const { profile, title, address, runs, server, drained, audit } = result;
  const ramps = runs.flatMap((run) => rampTable(run) ?? []);
  const errors = runs.flatMap(errorLines);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(`load: ${profile}`)}</title>
<style>${style}</style>
<h1>${escaped(profile)}</h1>
<p>${escaped(`${title}. On ${address}, ${time}.`)}</p>
${table(resultTable(runs))}
${ramps.length > 0 ? table(ramps) : ''}
${errors.length > 0 ? `<h2>Errors</h2>\n<pre>${escaped(errors.join('\n'))}</pre>` : ''}
<h2>Over time</h2>
${runs.map(charts).join('\n')}
<h2>Server</h2>
<pre>${escaped([...serverLines(server, runs), ...drained].join('\n'))}</pre>
<h2>Audit</h2>
<pre>${escaped(audit.join('\n'))}</pre>
</html>
`;
}

function table([header = [], ...rows]: string[][]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>\n${line(header, 'th')}\n${rows.map((row) => line(row, 'td')).join('\n')}\n</table>`;
}

/** The successful calls per second and the 99th percentile of their latency in each slice of the run, by their start. */
function charts({ config, details }: RunResult): string {
  if (details.length === 0) return '';
  const starts = details.map(({ startMs }) => startMs);
  const first = starts.reduce((a, b) => Math.min(a, b));
  const sliceMs = Math.max(1, (starts.reduce((a, b) => Math.max(a, b)) - first) / slices);
  const latencies = Array.from({ length: slices }, (): number[] => []);
  const failures = Array.from({ length: slices }, () => 0);
  for (const { startMs, latencyMs, isOk } of details) {
    const slice = Math.min(slices - 1, Math.floor((startMs - first) / sliceMs));
    if (isOk) latencies[slice]?.push(latencyMs);
    else failures[slice] = (failures[slice] ?? 0) + 1;
  }
  const rates = latencies.map(({ length }) => (length * 1_000) / sliceMs);
  const p99 = latencies.map((each) => each.toSorted((a, b) => a - b)[Math.floor(each.length * 0.99)] ?? 0);
  return [bars(`${config.call}: calls/s`, rates, failures), bars(`${config.call}: p99 in ms`, p99, failures)].join(
    '\n',
  );
}

/** Slices with errors are red, also those without a successful call. */
function bars(title: string, values: readonly number[], failures: readonly number[]): string {
  const max = Math.max(...values);
  const step = width / values.length;
  const rects = values.map((value, index) => {
    const isBad = (failures[index] ?? 0) > 0;
    const barHeight = Math.max(isBad ? minBadHeight : 0, max === 0 ? 0 : (value / max) * height);
    const bad = isBad ? ' class="bad"' : '';
    return `<rect${bad} x="${(index * step).toFixed(1)}" y="${(height - barHeight).toFixed(1)}" width="${(step - 1).toFixed(1)}" height="${barHeight.toFixed(1)}"/>`;
  });
  const caption = `${title}, up to ${Math.round(max).toLocaleString('en')}`;
  return `<figure><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(caption)}">${rects.join('')}</svg><figcaption>${escaped(caption)}</figcaption></figure>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
