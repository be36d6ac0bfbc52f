import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** The standard error of a process that runs this statement with a logger. */
function logged(statement: string): Record<string, unknown> {
  const script = `
    import { MeshError } from '${new URL('../errors/mesh-error.ts', import.meta.url)}';
    import { createLogger } from '${new URL('./logger.ts', import.meta.url)}';
    import { runInScope } from '${new URL('./call-scope.ts', import.meta.url)}';
    const logger = createLogger('info');
    ${statement}`;
  const redirected = ['-c', 'exec "$0" --input-type=module -e "$1" 2>&1', process.execPath, script];
  return JSON.parse(execFileSync('sh', redirected, { encoding: 'utf8' }));
}

describe('the log', () => {
  it('has the name of the level and the id of the process', () => {
    expect(logged(`logger.warn({ id: 'x' }, 'look')`)).toMatchObject({
      level: 'warn',
      pid: expect.any(Number),
      id: 'x',
      msg: 'look',
    });
  });

  it('has the reason, the text and the cause of a MeshError', () => {
    const line = logged(
      `logger.warn({ err: new MeshError(14, 'CARRIER_AWAY', 'try later', { cause: new Error('refused') }) }, 'call')`,
    );
    expect(line.err).toEqual({ reason: 'CARRIER_AWAY', message: 'try later: refused' });
  });

  it('does not repeat a text that its cause contains', () => {
    const line = logged(
      `logger.warn({ err: new MeshError(5, 'GONE', 'no such', { cause: new Error('/a/B said: no such') }) }, 'call')`,
    );
    expect(line.err).toEqual({ reason: 'GONE', message: '/a/B said: no such' });
  });

  it.each([
    [
      { service: 'order', subject: 'alice', roles: ['operator'] },
      { caller: 'order', subject: 'alice' },
    ],
    [{ subject: 'alice', roles: [] }, { subject: 'alice' }],
    [undefined, {}],
  ])('has who makes the call %j, without roles', (caller, who) => {
    const scope = { requestId: 'r', traceparent: '00-t-s-01', caller };
    const { level, pid, time, ...fields } = logged(`runInScope(${JSON.stringify(scope)}, () => logger.info('x'))`);
    expect(fields).toEqual({ request_id: 'r', trace_id: 't', ...who, msg: 'x' });
  });

  it('has the stack of an unexpected error', () => {
    expect(logged(`logger.error({ err: new TypeError('oops') }, 'call')`)).toMatchObject({
      err: { message: 'oops', stack: expect.stringContaining('TypeError: oops\n') },
    });
  });
});
