import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { healthProblems } from '../support/health-of.ts';

/** Starts all services; `errors` returns what they logged as `error`. */
async function start(settings: Record<string, string>) {
  const { logger, lines } = captureLog({ level: 'warn' });
  const mesh = await startMesh(allServices, settings, logger);
  onTestFinished(() => mesh.stop());
  const errors = () =>
    lines.filter(({ level }) => level === 'error').map(({ err }) => err as { reason?: string; stack: string });
  return { ...mesh, errors };
}

describe('the log of a mesh that starts without its brokers', () => {
  it('has one error for each broker, with what to do', async () => {
    const { errors } = await start({ EVENTS_URL: 'kafka://127.0.0.1:1', TASKS_URL: 'amqp://127.0.0.1:1' });
    const texts = errors().map(({ stack }) => stack);
    expect(texts).toEqual([expect.stringContaining('TASKS_URL'), expect.stringContaining('EVENTS_URL')]);
  });
});

describeWithServer(postgres, 'the log of a mesh whose PostgreSQL fails', () => {
  it('has one error, although every service has a database there', { timeout: 60_000 }, async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const { errors, runtime } = await start({ DATABASE_URL: server.url(`${randomUUID()}-<service>`) });
    await server.killImmediate();
    await eventually(async () => expect(Object.keys(await healthProblems(runtime)).length).toBeGreaterThan(5), {
      timeoutMs: 20_000,
    });
    const refused = errors().filter(({ stack }) => stack.includes('ECONNREFUSED'));
    expect(refused).toHaveLength(1);
    expect(refused[0]?.stack).toContain('start PostgreSQL, or fix host and port in DATABASE_URL');
    expect(errors().length).toBeLessThanOrEqual(3);
  });
});
