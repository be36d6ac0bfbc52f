import { cp } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { clientTools } from '../../scripts/clients/clients.ts';
import { pageCommands } from './support/page-commands.ts';

const page = 'examples/clients/README.md';
const installer = import.meta.resolve('./support/typescript-client.ts');

/** Changes of the commands for Go, Python and TypeScript. They download nothing. */
const withoutNetwork = {
  'make deps-polyglot clients': 'make clients-go clients-python clients-typescript',
  'npm install ../../../gen/typescript/dist/*.tgz': `node -e "import('${installer}').then((m) => m.installTypeScriptClient('$OLDPWD'))"`,
  '(cd gen/java && mvn -q install)': 'true',
  '(cd examples/clients/java && mvn -q package && java -jar target/client.jar)': 'true',
  '(cd examples/clients/rust && cargo run)': 'true',
};

async function follow(changes: Readonly<Record<string, string>>): Promise<void> {
  const mesh = `127.0.0.1:${await freePort()}`;
  await using commands = await pageCommands({
    environment: { GRPC_LISTEN: mesh, ADDRESS: mesh, LOG_LEVEL: 'warn' },
    servers: /make start/,
    changes,
    timeoutMs: 600_000,
  });
  await commands.follow(page);
}

describe(`the commands of ${page}`, () => {
  describeWithServer(clientTools('go'), 'with Go', () => {
    describeWithServer(clientTools('python'), 'and Python', () => {
      it('write the clients, and run the programs on a mesh', { timeout: 240_000 }, () => follow(withoutNetwork));
    });
  });

  // The programs in Java and Rust compile for minutes, so only `make verify-polyglot` does it.
  it.runIf(process.env.VERIFY_POLYGLOT === '1')('do so in all languages', { timeout: 1_200_000 }, async () => {
    await using folder = await tempFolder();
    const repository = join(folder.path, 'repository');
    // A copy, so the jar of this test does not get into the repository of the machine.
    await cp(join(homedir(), '.m2/repository'), repository, { recursive: true });
    await follow({
      'make deps-polyglot clients': 'make clients',
      'mvn -q': `mvn -q -Dmaven.repo.local=${repository}`,
    });
  });
});
