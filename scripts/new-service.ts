import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../mesh/errors/error-text.ts';
import { applyChanges, type Step } from './new-service/apply.ts';
import { checkNames, type ServiceNames } from './new-service/names.ts';
import { type Change, planService } from './new-service/plan.ts';
import { renamed } from './new-service/template.ts';
import { refuseUnknownVariables } from './support/make-variables.ts';

// `make new-service NAME=catalog RESOURCE=Product`: writes a service that works, from contract to test, and enters it
// wherever services are listed. `PLURAL` is for resources whose plural is not regular.

const root = fileURLToPath(new URL('..', import.meta.url));
const { NAME = '', RESOURCE = '', PLURAL = '' } = process.env;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));

try {
  refuseUnknownVariables(process.env, ['NAME', 'RESOURCE', 'PLURAL']);
  const names = checkNames({ name: NAME, resource: RESOURCE, plural: PLURAL });
  const { changes, leftOut } = await planService(root, names);
  await applyChanges(root, changes, stepsOf(changes), { run, signal: interrupted.signal });
  console.log(reportOf(changes, names));
  for (const problem of leftOut) console.warn(`left out: ${problem}`);
} catch (error) {
  process.stderr.write(`new-service: ${messageOf(error)}\n`);
  process.exitCode = 2;
}

function stepsOf(changes: readonly Change[]) {
  const sources = changes.map(({ path }) => path).filter((path) => path.endsWith('.ts'));
  return {
    format: { name: 'biome check --write', command: ['biome', 'check', '--write', '--error-on-warnings', ...sources] },
    generate: { name: 'make gen', command: [process.execPath, 'scripts/gen.ts'] },
    document: { name: 'make docs', command: [process.execPath, 'scripts/docs.ts'] },
  };
}

/** Runs a command in the project. Its output is shown only if it fails. */
async function run({ name, command: [program = '', ...args] }: Step, signal?: AbortSignal): Promise<void> {
  const path = [join(root, '.tools/bin'), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  signal?.addEventListener('abort', () => child.kill());
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = await once(child, 'close');
  signal?.throwIfAborted();
  if (code !== 0) throw new Error(`"${name}" failed:\n${Buffer.concat(output).toString().trimEnd()}`);
}

/** What was done, and what comes next. */
function reportOf(changes: readonly Change[], names: ServiceNames): string {
  const added = changes.filter(({ before }) => before === undefined);
  const edited = changes.filter(({ before }) => before !== undefined);
  const next = [
    'next:',
    '  edit proto/library/v1/library.proto and the files next to services/library/book.ts, then: make gen docs',
    '  npx vitest run services/library && make check',
    '  make start',
    `  grpcurl -plaintext -d '{"book": {"name": "The first"}}' localhost:50051 library.v1.LibraryService/CreateBook`,
    "  curl -sw '\\n' localhost:8080/api/books",
    'by hand: an arrow in docs/drawings/mesh.svg for each service that it calls and each topic, once it has some',
    'CONTRIBUTING.md, "Add a service", says what each file is for.',
  ];
  return [
    ...added.map(({ path }) => `wrote ${path}`),
    ...edited.map(({ path }) => `changed ${path}`),
    'generated gen/ and the tables of docs/',
    `the plural of ${names.resource} is ${names.resources}, in its table and its paths; if it is another, undo this with git, and set PLURAL`,
    ...next.map((line) => renamed(line, names)),
  ].join('\n');
}
