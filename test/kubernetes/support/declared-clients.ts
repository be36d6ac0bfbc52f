import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A contract of which a service makes a client. */
export interface DeclaredClient {
  /** What discovery calls the service that has it: `user`. */
  readonly service: string;
  /** `user.v1.UserService` */
  readonly contract: string;
}

/** Which contracts of other services a service calls, as its sources make clients of them. */
export async function declaredClients(service: string): Promise<DeclaredClient[]> {
  const called = new Map<string, DeclaredClient>();
  for (const [file, text] of await sourcesOf(service)) {
    for (const [, name = ''] of text.matchAll(/\bclient\((\w+)/g)) {
      const imported = new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from '#gen/(\\w+)/(\\w+)/`).exec(text);
      const [, other, version] = imported ?? [];
      if (other === undefined) throw new Error(`${file} calls ${name}, which it does not import from #gen`);
      const contract = `${other}.${version}.${name.replace(/Contract$/, '')}`;
      if (other !== service) called.set(contract, { service: other, contract });
    }
  }
  return [...called.values()];
}

/** Whether a service calls whatever discovery finds, and not only the contracts of which it makes clients. */
export async function callsAllServices(service: string): Promise<boolean> {
  return (await sourcesOf(service)).some(([, code]) => /\bendpoints\b/.test(code));
}

/** Whether a service works on tasks, queues them, or reads their dead letters. */
export async function usesTasks(service: string): Promise<boolean> {
  const use = /\bneeds: \[[^\]]*'tasks'|\brun\.worker\(|\baddTask\(|\btasks\.deadLetters\b/;
  return (await sourcesOf(service)).some(([, code]) => use.test(code));
}

/** The sources of a service without comments. */
async function sourcesOf(service: string): Promise<[file: string, code: string][]> {
  const files = await Array.fromAsync(glob(`services/${service}/**/*.ts`, { cwd: root }));
  const sources = files.filter((file) => !/\.test\.ts$|\/testing\//.test(file));
  return await Promise.all(
    sources.map(async (file) => [file, withoutComments(await readFile(`${root}${file}`, 'utf8'))] as const),
  );
}

/** Removes comments as this code base has them: blocks, and what follows a `//` that is first or after a space. */
export function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
}
