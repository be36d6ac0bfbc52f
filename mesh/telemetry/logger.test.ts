import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** What a process writes to its standard error that runs this with a logger. */
function logged(statement: string): Record<string, unknown> {
  const script = `
    import { MeshError } from '${new URL('../errors/mesh-error.ts', import.meta.url)}';
    import { createLogger } from '${new URL('./logger.ts', import.meta.url)}';
    const logger = createLogger('info');
    ${statement}`;
  const redirected = ['-c', 'exec "$0" --input-type=module -e "$1" 2>&1', process.execPath, script];
  return JSON.parse(execFileSync('sh', redirected, { encoding: 'utf8' }));
}

describe('the log', () => {
  it('says its level in words, and which process writes', () => {
    expect(logged(`logger.warn({ id: 'x' }, 'look')`)).toMatchObject({
      level: 'warn',
      pid: expect.any(Number),
      id: 'x',
      msg: 'look',
    });
  });

  it('has of an error of the mesh its reason, its words and those of its cause', () => {
    const line = logged(
      `logger.warn({ err: new MeshError(14, 'CARRIER_AWAY', 'try later', { cause: new Error('refused') }) }, 'call')`,
    );
    expect(line.err).toEqual({ reason: 'CARRIER_AWAY', message: 'try later: refused' });
  });

  it('has the stack of an error that nobody expected', () => {
    expect(logged(`logger.error({ err: new TypeError('oops') }, 'call')`)).toMatchObject({
      err: { message: 'oops', stack: expect.stringContaining('TypeError: oops\n') },
    });
  });
});
