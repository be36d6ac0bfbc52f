import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { NameError, refusePlurals, type ServiceNames } from './names.ts';
import { edits } from './registrations.ts';
import { filesOf, usedWords } from './template.ts';

/** What becomes of a file; one without `before` is new. */
export interface Change {
  /** In the project. */
  readonly path: string;
  readonly before?: string;
  readonly after: string;
}

/** What a new service changes by hand, before the generators run. */
export interface Plan {
  readonly changes: readonly Change[];
  /** Which entries this project has no place for, and why. The service works without them. */
  readonly leftOut: readonly string[];
}

/**
 * Plans a new service. Writes nothing. Throws a NameError if another service has one of its names, and an error that names
 * the file if there is no place for an entry that it needs.
 */
export async function planService(root: string, names: ServiceNames): Promise<Plan> {
  await refuseTaken(root, names);
  const files = (await filesOf(names)).filter(({ path }) => isDeployable(root) || !path.startsWith('deploy/'));
  const changes: Change[] = files.map(({ path, text }) => ({ path, after: text }));
  const leftOut: string[] = [];
  for (const { path, edit, optional = false } of edits) {
    try {
      const before = await readFile(join(root, path), 'utf8');
      changes.push({ path, before, after: edit(before, names) });
    } catch (error) {
      if (!optional) throw error;
      leftOut.push(messageOf(error));
    }
  }
  return { changes, leftOut };
}

function isDeployable(root: string): boolean {
  return existsSync(join(root, 'deploy/kubernetes/base/kustomization.yaml'));
}

async function refuseTaken(root: string, names: ServiceNames): Promise<void> {
  const { service, resource, resources } = names;
  const taken = [`proto/${service}`, `services/${service}`, `services/${service}.ts`, `gen/ts/${service}`];
  const found = taken.find((path) => existsSync(join(root, path)));
  if (found !== undefined) throw new NameError(`NAME=${service} is taken, ${found} exists: choose another name`);
  const deployed = await deploymentWith(root, service);
  if (deployed !== undefined)
    throw new NameError(`NAME=${service} is taken, ${deployed} runs something of this name: choose another name`);
  refusePlurals(names);
  if ((await usedWords()).has(resource))
    throw new NameError(`${resource} is what the code of a service calls something else: set another RESOURCE`);
  const reason = `${resource.toUpperCase()}_NOT_FOUND`;
  if ((await readFile(join(root, 'docs/errors.md'), 'utf8')).includes(`\`${reason}\``))
    throw new NameError(`another service has the error ${reason}: set another RESOURCE`);
  const owner = await contractWithPath(root, `/api/${resources}`);
  if (owner !== undefined)
    throw new NameError(`/api/${resources} is a path of ${owner}: set another RESOURCE, or PLURAL`);
}

/** The file of Compose or Kubernetes that has something of this name, such as a server: `kafka`. */
async function deploymentWith(root: string, name: string): Promise<string | undefined> {
  for await (const file of glob(['docker-compose.yml', 'deploy/kubernetes/**/*.yaml'], { cwd: root })) {
    const text = await readFile(join(root, file), 'utf8');
    const line = file === 'docker-compose.yml' ? `  ${name}:` : `  name: ${name}`;
    if (text.split('\n').includes(line)) return file;
  }
  return undefined;
}

/** The contract that has this path of REST, or one below it. */
async function contractWithPath(root: string, path: string): Promise<string | undefined> {
  for await (const file of glob('proto/**/*.proto', { cwd: root })) {
    const text = await readFile(join(root, file), 'utf8');
    if (['"', '/', ':'].some((end) => text.includes(`"${path}${end}`))) return file;
  }
  return undefined;
}
