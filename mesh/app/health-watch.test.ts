import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Health } from '../server/health/health.ts';
import { echoService } from '../server/test-support/echo-service.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { watchServices } from './health-watch.ts';

const echo = 'test.v1.EchoService';

async function watch(check: () => Promise<void>) {
  const clock = createTestClock();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const shown: Record<string, string> = {};
  const health: Pick<Health, 'set'> = {
    set(service, status) {
      shown[service] = status;
    },
  };
  const services = [{ name: 'echo', serves: [echoService()], check }];
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
