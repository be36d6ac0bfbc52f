import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Returns which services a service calls, by their names in discovery, as its sources make clients of their contracts. */
export async function declaredClients(service: string): Promise<string[]> {
  const called = new Set<string>();
  for await (const file of glob(`services/${service}/**/*.ts`, { cwd: root })) {
    if (/\.test\.ts$|\/testing\//.test(file)) continue;
    const text = await readFile(`${root}${file}`, 'utf8');
    for (const [, contract] of text.matchAll(/\bclient\((\w+)/g)) {
      const [, name] = new RegExp(`import \\{[^}]*\\b${contract}\\b[^}]*\\} from '#gen/(\\w+)/`).exec(text) ?? [];
      if (name === undefined) throw new Error(`${file} calls ${contract}, which it does not import from #gen`);
      called.add(name);
    }
  }
  called.delete(service);
  return [...called].toSorted();
}
