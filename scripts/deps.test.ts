import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { grpcurl } from '../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../mesh/testing/servers/servers.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));
const run = (file: string, ...args: string[]) => promisify(execFile)(file, args, { cwd });

describe('make deps', () => {
  it.each(['grpcurl', 'postgres', 'kafka', 'rabbitmq', 'discovery', 'peers', 'polyglot', 'edge', 'kubernetes', 'rust'])(
    'installs the part %s alone',
    async (part) => {
      const { stdout } = await run(
        'make',
        '--no-print-directory',
        '--dry-run',
        '--old-file=node_modules/.package-lock.json',
        `deps-${part}`,
      );
      expect(stdout.trim()).toBe(`sh scripts/deps.sh ${part}`);
    },
  );

  it('refuses a part that does not exist', async () => {
    await expect(run('sh', 'scripts/deps.sh', 'mysql')).rejects.toMatchObject({
      code: 2,
      stderr:
        'deps: unknown part mysql: use grpcurl postgres kafka rabbitmq discovery peers polyglot edge kubernetes rust compose\n',
    });
  });

  describeWithServer(grpcurl, 'with grpcurl installed', () => {
    it('checks only what the requested part needs', async () => {
      const { stdout } = await run('sh', 'scripts/deps.sh', 'grpcurl');
      expect(stdout).toMatch(/^deps: grpcurl v[\d.]+\n$/);
    });
  });
});
