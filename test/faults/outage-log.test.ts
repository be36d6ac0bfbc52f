import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { healthProblems } from '../support/health-of.ts';

/** Starts all services; `outages` returns what they logged at `warn` or above. */
async function start(settings: Record<string, string>) {
  const { logger, lines } = captureLog({ level: 'warn' });
  const mesh = await startMesh(allServices, settings, logger);
  onTestFinished(() => mesh.stop());
  const outages = () => lines.map(({ level, err }) => ({ level, ...(err as { reason: string; stack: string }) }));
  return { ...mesh, outages };
}

describe('the log of a mesh that starts without its brokers', () => {
  it('has one warning for each broker, with what to do', async () => {
    const { outages } = await start({ EVENTS_URL: 'kafka://127.0.0.1:1', TASKS_URL: 'amqp://127.0.0.1:1' });
    for (const [reason, variable] of [
      ['TASKS_UNAVAILABLE', 'TASKS_URL'],
      ['EVENTS_UNAVAILABLE', 'EVENTS_URL'],
    ]) {
      const lines = outages().filter((line) => line.reason === reason);
      expect(lines).toMatchObject([{ level: 'warn', stack: expect.stringContaining(`of ${variable} run`) }]);
    }
  });
});

describeWithServer(postgres, 'the log of a mesh whose PostgreSQL fails', () => {
  it('has one warning, although every service has a database there', { timeout: 60_000 }, async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const { outages, runtime } = await start({ DATABASE_URL: server.url(`${randomUUID()}-<service>`) });
    await server.killImmediate();
    await eventually(async () => expect(Object.keys(await healthProblems(runtime)).length).toBeGreaterThan(5), {
      timeoutMs: 20_000,
    });
    const away = outages().filter(({ reason }) => reason === 'STORAGE_UNAVAILABLE');
    expect(away.length).toBeLessThanOrEqual(2);
    expect(new Set(away.map(({ level }) => level))).toEqual(new Set(['warn']));
    expect(away[0]?.stack).toContain('DATABASE_URL');
  });
});
