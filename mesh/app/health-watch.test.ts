import { setImmediate as turn } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import type { Health } from '../server/health/health.ts';
import { infrastructureContract, type ServedContract, serve } from '../server/serve.ts';
import { EchoDefinition, echoHandlers, echoService } from '../server/testing/echo-service.ts';
import { captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { type Brokers, watchHealth } from './health-watch.ts';
import type { Service } from './service/service.ts';

const echo = 'test.v1.EchoService';
const view = 'test.v1.ViewService';

/** A contract with a check of its own. */
function viewService(check: () => Promise<void>) {
  const contract = infrastructureContract({ ...EchoDefinition, fullName: view });
  return serve(contract, echoHandlers, { check });
}

interface Watched {
  readonly service?: Partial<Service>;
  readonly more?: readonly ServedContract[];
  readonly brokers?: Partial<Brokers>;
}

const works = async () => undefined;
const brokersServe = { 'ordermesh.events': 'SERVING', 'ordermesh.tasks': 'SERVING' };

async function watch({ service, more = [], brokers }: Watched) {
  const clock = createTestClock();
  const { logger, lines } = captureLog();
  const shown: Record<string, string> = {};
  const problems: Record<string, string[]> = {};
  const health: Pick<Health, 'show'> = {
    show(name, found) {
      shown[name] = found.length === 0 ? 'SERVING' : 'NOT_SERVING';
      problems[name] = found.map(({ check, reason, message }) => `${check}: ${reason || message}`);
    },
  };
  const end = await watchHealth({
    services: [{ name: 'echo', serves: [echoService(), ...more], ...service }],
    brokers: { events: { check: works, checkPartitions: works }, tasks: { check: works }, ...brokers },
    health,
    clock,
    logger,
  });
  return { clock, lines, shown, problems, end };
}

describe('the watch over services', () => {
  it('has checked every service when it resolves', async () => {
    const { shown } = await watch({ service: { check: works } });
    expect(shown).toEqual({ ...brokersServe, '': 'SERVING', [echo]: 'SERVING' });
  });

  it('shows and logs once that a service fails, and once that it works again', async () => {
    const check = vi.fn().mockRejectedValueOnce(new Error('disk')).mockRejectedValueOnce(new Error('disk'));
    const { clock, lines, shown } = await watch({ service: { check } });
    expect(shown).toEqual({ ...brokersServe, '': 'NOT_SERVING', [echo]: 'NOT_SERVING' });
    clock.advance(5_000);
    await eventually(() => expect(check).toHaveBeenCalledTimes(2));
    await eventually(() => {
      clock.advance(5_000);
      expect(shown).toEqual({ ...brokersServe, '': 'SERVING', [echo]: 'SERVING' });
    });
    expect(lines).toMatchObject([
      { level: 'error', check: 'echo', err: { message: 'disk' } },
      { level: 'info', check: 'echo' },
    ]);
  });

  it('treats a check that hangs as failed, and checks again', async () => {
    const check = vi.fn(() => new Promise<void>(() => undefined)).mockResolvedValueOnce();
    const { clock, lines, shown } = await watch({ service: { check } });
    clock.advance(5_000);
    await eventually(() => expect(check).toHaveBeenCalledTimes(2));
    clock.advance(5_000);
    await eventually(() => expect(shown).toEqual({ ...brokersServe, '': 'NOT_SERVING', [echo]: 'NOT_SERVING' }));
    expect(lines).toMatchObject([{ level: 'error', err: { message: expect.stringContaining('longer than 5000 ms') } }]);
    check.mockResolvedValueOnce();
    clock.advance(5_000);
    await eventually(() => expect(shown).toEqual({ ...brokersServe, '': 'SERVING', [echo]: 'SERVING' }));
  });

  it('runs no checks once it has ended', async () => {
    const { clock, end } = await watch({ service: { check: works } });
    end();
    expect(clock.pendingMs()).toEqual([]);
  });
});

describe('the watch over brokers', () => {
  const away = new MeshError(Status.UNAVAILABLE, 'TASKS_UNAVAILABLE', 'no broker');
  const failing = { tasks: { check: () => Promise.reject(away) } };

  it('shows an unavailable broker under its own name, while the process and services that can wait for it serve', async () => {
    const { shown, problems } = await watch({ brokers: failing });
    expect(shown).toEqual({ ...brokersServe, '': 'SERVING', [echo]: 'SERVING', 'ordermesh.tasks': 'NOT_SERVING' });
    expect(problems['ordermesh.tasks']).toEqual(['ordermesh.tasks: TASKS_UNAVAILABLE']);
  });

  it('shows it under the contracts of the services that need it, and asks and logs it once', async () => {
    const check = vi.fn(failing.tasks.check);
    const service: Partial<Service> = { needs: ['events', 'tasks'], check: works };
    const { shown, problems, lines } = await watch({
      service,
      more: [viewService(works)],
      brokers: { tasks: { check } },
    });
    expect(shown).toEqual({
      ...brokersServe,
      '': 'SERVING',
      'ordermesh.tasks': 'NOT_SERVING',
      [echo]: 'NOT_SERVING',
      [view]: 'NOT_SERVING',
    });
    expect(problems[view]).toEqual(['ordermesh.tasks: TASKS_UNAVAILABLE']);
    expect(check).toHaveBeenCalledTimes(1);
    expect(lines).toMatchObject([{ level: 'warn', check: 'ordermesh.tasks' }]);
  });

  it('shows a damaged partition under the name of the log alone', async () => {
    const damaged = new MeshError(Status.DATA_LOSS, 'STORAGE_CORRUPT', 'offset 3 of partition 1 of user.events');
    const events = { check: works, checkPartitions: () => Promise.reject(damaged) };
    const { shown, problems } = await watch({ service: { needs: ['events'] }, brokers: { events } });
    expect(shown).toEqual({ ...brokersServe, '': 'SERVING', [echo]: 'SERVING', 'ordermesh.events': 'NOT_SERVING' });
    expect(problems['ordermesh.events']).toEqual(['ordermesh.events: STORAGE_CORRUPT']);
  });

  it('logs each new reason of a failure, and shows the latest', async () => {
    const blocked = new MeshError(Status.UNAVAILABLE, 'TASKS_BLOCKED', 'an alarm');
    const check = vi.fn().mockRejectedValueOnce(away).mockRejectedValueOnce(away).mockRejectedValue(blocked);
    const { clock, lines, problems } = await watch({ brokers: { tasks: { check } } });
    await eventually(() => {
      clock.advance(5_000);
      expect(problems['ordermesh.tasks']).toEqual(['ordermesh.tasks: TASKS_BLOCKED']);
    });
    expect(lines).toMatchObject([{ err: { message: 'no broker' } }, { err: { message: 'an alarm' } }]);
  });
});

describe('the watch over a contract with a check of its own', () => {
  const onlyViewFails = { ...brokersServe, '': 'SERVING', [echo]: 'SERVING', [view]: 'NOT_SERVING' };
  const allServe = { ...brokersServe, '': 'SERVING', [echo]: 'SERVING', [view]: 'SERVING' };

  it('shows its failure under its own name only, and logs when it begins and when it ends', async () => {
    const check = vi.fn().mockRejectedValueOnce(new Error('behind')).mockRejectedValueOnce(new Error('behind'));
    const { clock, lines, shown } = await watch({ service: { check: works }, more: [viewService(check)] });
    expect(shown).toEqual(onlyViewFails);
    clock.advance(5_000);
    await eventually(() => expect(check).toHaveBeenCalledTimes(2));
    expect(shown).toEqual(onlyViewFails);
    await eventually(() => {
      clock.advance(5_000);
      expect(shown).toEqual(allServe);
    });
    expect(lines).toMatchObject([
      { level: 'warn', check: view, err: { message: 'behind' } },
      { level: 'info', check: view },
    ]);
  });

  it('treats a check that hangs as failed, without delaying the others', async () => {
    const check = vi.fn(() => new Promise<void>(() => undefined)).mockResolvedValueOnce();
    const service = vi.fn(works);
    const { clock, lines, shown } = await watch({ service: { check: service }, more: [viewService(check)] });
    expect(shown).toEqual(allServe);
    service.mockRejectedValueOnce(new Error('disk'));
    clock.advance(5_000);
    await eventually(() =>
      expect(shown).toEqual({ ...brokersServe, '': 'NOT_SERVING', [echo]: 'NOT_SERVING', [view]: 'SERVING' }),
    );
    clock.advance(5_000);
    await eventually(() => expect(shown[view]).toBe('NOT_SERVING'));
    clock.advance(5_000);
    await eventually(() => expect(shown).toEqual(onlyViewFails));
    expect(lines).toMatchObject([
      { check: 'echo' },
      { check: view, err: { message: expect.stringContaining('longer than 5000 ms') } },
      { check: 'echo' },
    ]);
  });

  it('shows it as failing while its service fails', async () => {
    const { shown } = await watch({
      service: { check: () => Promise.reject(new Error('disk')) },
      more: [viewService(works)],
    });
    expect(shown).toEqual({ ...brokersServe, '': 'NOT_SERVING', [echo]: 'NOT_SERVING', [view]: 'NOT_SERVING' });
  });

  it('runs no checks after it has ended, even with one in progress', async () => {
    const check = vi.fn(() => new Promise<void>(() => undefined)).mockResolvedValueOnce();
    const { clock, shown, end } = await watch({ service: { check: works }, more: [viewService(check)] });
    clock.advance(5_000);
    await eventually(() => expect(check).toHaveBeenCalledTimes(2));
    end();
    clock.advance(5_000);
    await turn();
    expect(clock.pendingMs()).toEqual([]);
    expect(shown).toEqual(allServe);
  });
});
