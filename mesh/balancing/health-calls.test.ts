import { describe, expect, it, onTestFinished } from 'vitest';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '../../gen/ts/grpc/health/v1/health.ts';
import type { Transport } from '../engines/engine.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { watchHealth } from './health-calls.ts';
import { settle } from './testing/fake-server.ts';

/** Watches a server that says that it serves and ends the watch after `openMs`, for 20 s. Returns when it was asked. */
async function askedBy(openMs: number): Promise<readonly number[]> {
  const clock = createTestClock();
  const asked: number[] = [];
  const transport = {
    async *serverStreaming() {
      asked.push(clock.elapsedMs());
      yield { status: ServingStatus.SERVING };
      if (openMs > 0) await new Promise<void>((resolve) => clock.after(openMs, resolve));
    },
  } as unknown as Transport;
  const changed = () => undefined;
  onTestFinished(watchHealth({ transport: () => transport, contract: 'user.v1.UserService', clock, changed }));
  for (let ms = 0; ms < 20_000; ms += 25) {
    await settle();
    clock.advance(25);
  }
  return asked;
}

describe('a watch of health that its server ends with OK', () => {
  it('is opened again with growing delays, up to a second or so', async () => {
    const asked = await askedBy(0);
    expect(asked.length).toBeGreaterThan(15);
    expect(asked.length).toBeLessThan(35);
  });

  it('is opened again immediately if it was open for a while', async () => {
    const asked = await askedBy(6_000);
    expect(asked).toHaveLength(4);
  });
});
