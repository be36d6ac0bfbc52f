import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { processSettings } from '../mesh/config/process-settings.ts';
import { allServices } from '../services/all.ts';
import { formatTable } from './support/format.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The parts of pages that are made from the code: each stands between `<!-- name:begin -->` and `<!-- name:end -->`. */
const parts: readonly { readonly page: string; readonly name: string; readonly text: () => string }[] = [
  { page: 'docs/settings.md', name: 'settings', text: settingsTable },
];

/** A row for each setting of the process and of its services. */
function settingsTable(): string {
  const settings = [...Object.values(processSettings), ...allServices.flatMap((service) => service.settings)];
  const rows = settings.map(({ variable, default: text, allowed, doc = allowed }) => [
    `\`${variable}\``,
    text === '' ? 'empty' : `\`${text}\``,
    doc,
  ]);
  return markdownTable(['variable', 'default', 'allowed'], rows);
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const rule = widths.map((width) => '-'.repeat(width));
  return formatTable([head, rule, ...rows], { start: '| ', between: ' | ', end: ' |' }).join('\n');
}

/** `page` with `text` in place of what the part held. */
function withPart(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [before, rest = ''] = page.split(begin);
  const after = rest.split(end)[1];
  if (after === undefined) throw new Error(`the page has no part between ${begin} and ${end}: add both lines`);
  return `${before}${begin}\n\n${text}\n\n${end}${after}`;
}

const check = process.argv.includes('--check');
for (const { page, name, text } of parts) {
  const path = `${root}${page}`;
  const found = await readFile(path, 'utf8');
  const wanted = withPart(found, name, text());
  if (wanted === found) continue;
  if (check) {
    console.error(`${page} is out of date: run \`make docs\` and commit the result`);
    process.exitCode = 1;
  } else {
    await writeFile(path, wanted);
    console.log(`wrote ${page}`);
  }
}
