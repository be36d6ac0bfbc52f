import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Health } from '../server/health/health.ts';
import { infrastructureContract } from '../server/infrastructure-contract.ts';
import { type ServedContract, serve } from '../server/serve.ts';
import { EchoDefinition, echoHandlers, echoService } from '../server/test-support/echo-service.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { watchServices } from './health-watch.ts';

const echo = 'test.v1.EchoService';
const view = 'test.v1.ViewService';

/** A contract with a check of its own. */
function viewService(check: () => Promise<void>) {
  const contract = infrastructureContract({ ...EchoDefinition, fullName: view });
  return serve(contract, echoHandlers, { check });
}

async function watch(check: () => Promise<void>, more: readonly ServedContract[] = []) {
  const clock = createTestClock();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const shown: Record<string, string> = {};
  const health: Pick<Health, 'set'> = {
    set(service, status) {
      shown[service] = status;
    },
  };
  const services = [{ name: 'echo', serves: [echoService(), ...more], check }];
  const end = await watchServices(services, health as Health, clock, logger);
  return { clock, lines, shown, end };
}

describe('the watch over services', () => {
  it('has asked every service by the time it is there', async () => {
    const { shown } = await watch(async () => undefined);
    expect(shown).toEqual({ '': 'SERVING', [echo]: 'SERVING' });
  });

  it('shows and logs once that a service fails, and once that it works again', async () => {
    const check = vi.fn().mockRejectedValueOnce(new Error('disk')).mockRejectedValueOnce(new Error('disk'));
    const { clock, lines, shown } = await watch(check);
    expect(shown).toEqual({ '': 'NOT_SERVING', [echo]: 'NOT_SERVING' });
    clock.advance(5_000);
    await vi.waitFor(() => expect(check).toHaveBeenCalledTimes(2));
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(shown).toEqual({ '': 'SERVING', [echo]: 'SERVING' });
    });
    expect(lines).toMatchObject([
      { level: 50, service: 'echo', err: { message: 'disk' } },
      { level: 30, service: 'echo' },
    ]);
  });

  it('takes a check that hangs for one that fails, and asks again', async () => {
    const check = vi.fn(() => new Promise<void>(() => undefined)).mockResolvedValueOnce();
    const { clock, lines, shown } = await watch(check);
    clock.advance(5_000);
    await vi.waitFor(() => expect(check).toHaveBeenCalledTimes(2));
    clock.advance(5_000);
    await vi.waitFor(() => expect(shown).toEqual({ '': 'NOT_SERVING', [echo]: 'NOT_SERVING' }));
    expect(lines).toMatchObject([{ level: 50, err: { message: expect.stringContaining('longer than 5000 ms') } }]);
    check.mockResolvedValueOnce();
    clock.advance(5_000);
    await vi.waitFor(() => expect(shown).toEqual({ '': 'SERVING', [echo]: 'SERVING' }));
  });

  it('asks no more once it is ended', async () => {
    const { clock, end } = await watch(async () => undefined);
    end();
    expect(clock.pendingMs()).toEqual([]);
  });
});

describe('the watch over a contract with a check of its own', () => {
  const works = async () => undefined;
  const onlyViewFails = { '': 'SERVING', [echo]: 'SERVING', [view]: 'NOT_SERVING' };
  const allServe = { '': 'SERVING', [echo]: 'SERVING', [view]: 'SERVING' };

  it('shows that it fails under its name alone, and logs once that it began and once that it ended', async () => {
    const check = vi.fn().mockRejectedValueOnce(new Error('behind')).mockRejectedValueOnce(new Error('behind'));
    const { clock, lines, shown } = await watch(works, [viewService(check)]);
    expect(shown).toEqual(onlyViewFails);
    clock.advance(5_000);
    await vi.waitFor(() => expect(check).toHaveBeenCalledTimes(2));
    expect(shown).toEqual(onlyViewFails);
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(shown).toEqual(allServe);
    });
    expect(lines).toMatchObject([
      { level: 40, contract: view, err: { message: 'behind' } },
      { level: 30, contract: view },
    ]);
  });

  it('takes one that hangs for one that fails, and has the others not wait for it', async () => {
    const check = vi.fn(() => new Promise<void>(() => undefined)).mockResolvedValueOnce();
    const service = vi.fn(works);
    const { clock, lines, shown } = await watch(service, [viewService(check)]);
    expect(shown).toEqual(allServe);
    service.mockRejectedValueOnce(new Error('disk'));
    clock.advance(5_000);
    await vi.waitFor(() => expect(shown).toEqual({ '': 'NOT_SERVING', [echo]: 'NOT_SERVING', [view]: 'SERVING' }));
    clock.advance(5_000);
    await vi.waitFor(() => expect(shown[view]).toBe('NOT_SERVING'));
    clock.advance(5_000);
    await vi.waitFor(() => expect(shown).toEqual(onlyViewFails));
    expect(lines).toMatchObject([
      { service: 'echo' },
      { contract: view, err: { message: expect.stringContaining('longer than 5000 ms') } },
      { service: 'echo' },
    ]);
  });

  it('shows it as failing while its service fails', async () => {
    const { shown } = await watch(() => Promise.reject(new Error('disk')), [viewService(works)]);
    expect(shown).toEqual({ '': 'NOT_SERVING', [echo]: 'NOT_SERVING', [view]: 'NOT_SERVING' });
  });

  it('asks no more once it is ended, whatever is still being asked', async () => {
    const check = vi.fn(() => new Promise<void>(() => undefined)).mockResolvedValueOnce();
    const { clock, shown, end } = await watch(works, [viewService(check)]);
    clock.advance(5_000);
    await vi.waitFor(() => expect(check).toHaveBeenCalledTimes(2));
    end();
    clock.advance(5_000);
    await turn();
    expect(clock.pendingMs()).toEqual([]);
    expect(shown).toEqual(allServe);
  });
});
