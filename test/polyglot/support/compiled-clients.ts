import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Builds `examples/clients/java` together with `gen/java`, so Maven takes the clients from there and leaves its local
 * repository as it is. Returns the command.
 */
export async function buildJavaClient(folder: string): Promise<readonly [string, ...string[]]> {
  const modules = ['gen/java', 'examples/clients/java'].map((path) => `<module>${path}</module>`).join('');
  const name = '<groupId>test</groupId><artifactId>test</artifactId><version>1</version><packaging>pom</packaging>';
  const project = `<project><modelVersion>4.0.0</modelVersion>${name}<modules>${modules}</modules></project>`;
  await writeFile(join(folder, 'pom.xml'), project);
  await run('mvn', ['-q', '-B', 'package'], { cwd: folder });
  return ['java', '-jar', join(folder, 'examples/clients/java/target/client.jar')];
}

/** Builds `examples/clients/rust`, which takes the clients from `gen/rust`. Returns the command. */
export async function buildRustClient(folder: string): Promise<readonly [string, ...string[]]> {
  const program = join(folder, 'examples/clients/rust');
  const env = { ...process.env, RUSTFLAGS: '-D warnings', CARGO_PROFILE_DEV_DEBUG: 'false' };
  await run('cargo', ['build', '-q', '--locked'], { cwd: program, env });
  return [join(program, 'target/debug/ordermesh-client')];
}
