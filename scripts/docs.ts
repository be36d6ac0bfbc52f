import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { processSettings } from '../mesh/config/process-settings.ts';
import type { AnySetting } from '../mesh/config/setting.ts';
import { allServices } from '../services/all.ts';
import { accessColumns } from './support/access-tables.ts';
import { differenceColumns, differenceTables } from './support/envoy-differences.ts';
import { definedReasons, reasonsOfTable, rowsOf, tablesOf } from './support/error-tables.ts';
import { formatTable } from './support/format.ts';
import { accessTables, type MethodTable, methodColumns, methodTables } from './support/method-tables.ts';
import { outdated, passedColumns, passedRegistries, passedRows } from './support/passed-registries.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A part of a page that is made from the code, between `<!-- name:begin -->` and `<!-- name:end -->`. */
interface Part {
  readonly name: string;
  readonly text: string;
}

interface Page {
  readonly page: string;
  readonly parts: (text: string) => Part[] | Promise<Part[]>;
}

const pages: readonly Page[] = [
  { page: 'docs/settings.md', parts: () => [{ name: 'settings', text: settingsTable() }] },
  { page: 'docs/errors.md', parts: errorTables },
  { page: 'docs/status.md', parts: async () => [{ name: 'registries', text: await registriesTable() }] },
  { page: 'docs/edge-and-envoy.md', parts: () => [{ name: 'differences', text: differencesText() }] },
  {
    page: 'docs/methods.md',
    parts: async () => [{ name: 'methods', text: methodsText(methodColumns, await methodTables()) }],
  },
  {
    page: 'docs/authorization.md',
    parts: async () => [{ name: 'access', text: methodsText(accessColumns, await accessTables()) }],
  },
];

/** A row for each setting of the process and of its services. */
function settingsTable(): string {
  const settings: readonly AnySetting[] = [
    ...Object.values(processSettings),
    ...allServices.flatMap((service) => service.settings),
  ];
  const rows = settings.map(({ variable, default: text, allowed, doc = allowed, isSecret }) => [
    `\`${variable}\``,
    text === '' ? 'empty' : `\`${text}\``,
    isSecret ? `${doc}. [Or in the file](#tls-and-users) that \`${variable}_FILE\` names` : doc,
  ]);
  return markdownTable(['variable', 'default', 'allowed'], rows);
}

/** The servers on which `make verify-registries` passed, and when. */
async function registriesTable(): Promise<string> {
  return markdownTable(passedColumns, passedRows(await passedRegistries()));
}

/** The tables that the page has places for. Throws for a reason that is in none of them. */
async function errorTables(page: string): Promise<Part[]> {
  const reasons = await definedReasons();
  const tables = tablesOf(page).map((name) => ({ name, shown: reasonsOfTable(name, reasons) }));
  const missing = reasons.find((reason) => !tables.some(({ shown }) => shown.includes(reason)));
  if (missing) {
    const { folder, seenIn } = missing;
    const name = seenIn ? `errors seen in ${seenIn}` : `errors of ${folder}`;
    throw new Error(
      `${missing.reason} has no table in docs/errors.md: add <!-- ${name}:begin --> and <!-- ${name}:end -->`,
    );
  }
  return tables.map(({ name, shown }) => ({
    name,
    text: markdownTable(['reason', 'code', 'means', 'what to do'], rowsOf(shown)),
  }));
}

/** The counts, and a table for each reason to answer otherwise than Envoy. */
function differencesText(): string {
  const { tables, equal } = differenceTables();
  const differing = tables.reduce((sum, { rows }) => sum + rows.length, 0);
  const counts = `Of ${equal + differing} probes, both answer ${equal} alike. The other ${differing}, by reason:`;
  const texts = tables.map(
    ({ because, rows }) =>
      `${because.charAt(0).toUpperCase()}${because.slice(1)}:\n\n${markdownTable(differenceColumns, rows)}`,
  );
  return [counts, ...texts].join('\n\n');
}

/** A heading and a table for each service. */
function methodsText(columns: readonly string[], tables: readonly MethodTable[]): string {
  return tables.map(({ service, rows }) => `## ${service}\n\n${markdownTable(columns, rows)}`).join('\n\n');
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

async function update({ page, parts }: Page): Promise<void> {
  const path = `${root}${page}`;
  const found = await readFile(path, 'utf8');
  const wanted = (await parts(found)).reduce((text, part) => withPart(text, part.name, part.text), found);
  if (wanted === found) return;
  if (check) {
    console.error(`${page} is out of date: run \`make docs\` and commit the result`);
    process.exitCode = 1;
  } else {
    await writeFile(path, wanted);
    console.log(`wrote ${page}`);
  }
}

try {
  for (const page of pages) await update(page);
} catch (error) {
  // The text says what to do; a stack trace would hide it.
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
for (const { servers, date } of outdated(await passedRegistries(), Date.now()))
  console.warn(`${servers.join(', ')} passed on ${date}, more than 30 days ago: run \`make verify-registries\``);
