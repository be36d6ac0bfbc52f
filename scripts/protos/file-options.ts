import { glob, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Returns the file options of a contract of ours: the names of its generated code in Go, Java, C#, Ruby and PHP. They
 * follow from its path, which is also its package: `user/v1/user.proto`.
 */
export function fileOptionsOf(path: string): string {
  const folders = path.split('/').slice(0, -1);
  const names = folders.map(pascalCase);
  const options: Record<string, string | boolean> = {
    csharp_namespace: ['Ordermesh', ...names].join('.'),
    go_package: `github.com/ordermesh/ordermesh/gen/go/${folders.join('/')};${folders.join('')}`,
    java_multiple_files: true,
    java_outer_classname: `${pascalCase(basename(path, '.proto'))}Proto`,
    java_package: ['io.ordermesh', ...folders].join('.'),
    php_namespace: ['Ordermesh', ...names].join('\\\\'),
    ruby_package: ['Ordermesh', ...names].join('::'),
  };
  return Object.entries(options)
    .map(([name, value]) => `option ${name} = ${typeof value === 'string' ? `"${value}"` : value};\n`)
    .join('');
}

/** Returns a message for each contract in `dir` whose file options are missing or wrong. */
export async function findWrongFileOptions(dir: string): Promise<string[]> {
  const wrong: string[] = [];
  for await (const path of glob('**/*.proto', { cwd: dir })) {
    const source = await readFile(join(dir, path), 'utf8');
    const found = source.match(/^option .*\n/gm)?.join('') ?? '';
    if (found !== fileOptionsOf(path)) wrong.push(`${path}: set these file options:\n\n${fileOptionsOf(path)}`);
  }
  return wrong.sort();
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

if (import.meta.main) {
  const wrong = await findWrongFileOptions(join(root, 'proto'));
  for (const message of wrong) console.error(`proto/${message}`);
  if (wrong.length > 0) process.exitCode = 1;
}
