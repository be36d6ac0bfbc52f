import { deployments } from './deployments.ts';
import { drawing } from './drawing.ts';
import type { Edit } from './edit.ts';
import { insertBefore, insertByName } from './insert-lines.ts';
import type { ServiceNames } from './names.ts';
import { renamed } from './template.ts';

/** Every list that has each service, besides what is generated. */
export const edits: readonly Edit[] = [
  { path: 'services/all.ts', edit: inProcess },
  { path: 'docs/errors.md', edit: inErrors },
  { path: 'test/authorization/expectations.ts', edit: inExpectations },
  { path: 'test/authorization/samples.ts', edit: inSamples },
  { path: 'README.md', edit: inLayout, optional: true },
  drawing,
  ...deployments,
];

/** Where services are built: before the bridge, and so before ops, which comes after all that it shows. */
function inProcess(text: string, names: ServiceNames): string {
  const imports = renamed("import { libraryService } from './library/service.ts';\n", names);
  const imported = insertBefore(text, 'services/all.ts', 'import { notificationService }', imports);
  return insertBefore(imported, 'services/all.ts', '  bridgeService,', renamed('  libraryService,\n', names));
}

/** The list of services under "Layout". */
function inLayout(text: string, { service }: ServiceNames): string {
  const list = /^(services\/ +[\w ]+)( bridge ops\b)/m;
  if (!list.test(text)) throw new Error(`README.md has no list of services under "Layout", for ${service}`);
  return text.replace(list, `$1 ${service}$2`);
}

/** A place that `make docs` fills. */
function inErrors(text: string, names: ServiceNames): string {
  const table = 'errors of services/library';
  const section = `## Books\n\n<!-- ${table}:begin -->\n<!-- ${table}:end -->\n\n`;
  return insertBefore(text, 'docs/errors.md', '## Event sourcing and projections', renamed(section, names));
}

/** Who may call its methods: a test calls each of them as every kind of caller. */
function inExpectations(text: string, names: ServiceNames): string {
  const rows = [
    `  'library.v1.LibraryService/CreateBook': staff,\n`,
    `  'library.v1.LibraryService/GetBook': users,\n`,
    `  'library.v1.LibraryService/ListBooks': users,\n`,
  ];
  return insertRows(text, 'test/authorization/expectations.ts', rows.join(''), names);
}

/** Valid requests for that test; ListBooks is called with an empty one. */
function inSamples(text: string, names: ServiceNames): string {
  const rows = [
    `    'library.v1.LibraryService/CreateBook': { book: { id: 'first', name: 'The first' } },\n`,
    `    'library.v1.LibraryService/GetBook': { id: none },\n`,
  ];
  return insertRows(text, 'test/authorization/samples.ts', rows.join(''), names);
}

/** Inserts rows whose keys are methods. */
function insertRows(text: string, path: string, rows: string, names: ServiceNames): string {
  const entry = /^ +'([a-z]+)\.v1\.\w+\/\w+':/;
  return insertByName(text, names.service, renamed(rows, names), { path, entry, end: /^ *};$/ });
}
