import { setTimeout as delay } from 'node:timers/promises';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { atMost, atMostVersusPeer, type Figure } from '../figure.ts';
import { countFindings } from './audit.ts';
import { percentile } from './rates.ts';
import type { LoadedServer } from './server.ts';

const intervalMs = 5;
const aloneMs = 5_000;
const maxP99Ms = 20;
const projection = 'payment/account-balances';

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** How long GetUser takes during an audit of everything and during a rebuild, next to a mesh that does nothing else. */
export async function latencyFigures(mesh: LoadedServer, userId: string): Promise<Figure[]> {
  const during = (work: Promise<unknown>) => measure(mesh, userId, work);
  await during(delay(aloneMs));
  const alone = await during(delay(aloneMs));
  const findings = countFindings(mesh);
  const audit = await during(findings);
  const rebuild = await during(
    Array.fromAsync(mesh.client(ProjectionServiceContract).rebuildProjection({ name: projection })),
  );
  return [
    ...figuresOf('an audit', audit, alone),
    atMost('  and the findings of that audit', await findings, 0, ''),
    ...figuresOf('a rebuild', rebuild, alone),
  ];
}

function figuresOf(work: string, ours: Latency, alone: Latency): Figure[] {
  const median = atMostVersusPeer(`  GetUser during ${work}, median`, ours.p50, alone.p50, 0, 'ms');
  return [{ ...median, target: '' }, atMostVersusPeer('  and 99th percentile', ours.p99, alone.p99, maxP99Ms, 'ms')];
}

/** Calls GetUser at a fixed rate until `work` ends, even if earlier calls are not answered yet. In milliseconds. */
async function measure({ client }: LoadedServer, id: string, work: Promise<unknown>): Promise<Latency> {
  const users = client(UserServiceContract);
  const timesMs: number[] = [];
  const calls: Promise<unknown>[] = [];
  let ended = false;
  const running = work.finally(() => {
    ended = true;
  });
  const call = async (dueMs: number): Promise<void> => {
    await users.getUser({ id });
    timesMs.push(performance.now() - dueMs);
  };
  for (let dueMs = performance.now(); !ended; dueMs += intervalMs) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    calls.push(call(performance.now()));
  }
  await Promise.all([running, ...calls]);
  return { p50: percentile(timesMs, 0.5), p99: percentile(timesMs, 0.99) };
}
