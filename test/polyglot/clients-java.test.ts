import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { type BuildClient, clientSuite } from './client.suite.ts';

const modules = ['gen/java', 'examples/clients/java'].map((path) => `<module>${path}</module>`).join('');
const name = '<groupId>test</groupId><artifactId>test</artifactId><version>1</version><packaging>pom</packaging>';

/** Builds the program together with `gen/java`, so Maven takes the client from there and not from its local repository. */
const build: BuildClient = async (folder) => {
  const project = `<project><modelVersion>4.0.0</modelVersion>${name}<modules>${modules}</modules></project>`;
  await writeFile(join(folder, 'pom.xml'), project);
  await promisify(execFile)('mvn', ['-q', '-B', 'package'], { cwd: folder });
  return ['java', '-jar', join(folder, 'examples/clients/java/target/client.jar')];
};

// Only `make verify-polyglot` installs what it needs.
describe.runIf(process.env.VERIFY_POLYGLOT === '1')('the client in Java', () => clientSuite('java', build));
