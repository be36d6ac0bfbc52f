import { setTimeout as sleep } from 'node:timers/promises';
import { untilHealthy } from './containers.ts';
import type { DockerEngine } from './engine.ts';

const api = 'http://127.0.0.1:9090/api/v1';
/** Two scrapes, and the answers of DNS before them. */
const patienceMs = 60_000;

interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

/** Prometheus of the profile `watch` reads the metrics of every container of the mesh, and knows the alerts. */
export async function checkPrometheus(engine: DockerEngine, services: readonly string[]): Promise<string> {
  await engine.compose(['--profile', 'watch', 'up', '-d', '--no-deps', 'prometheus']);
  await untilHealthy(engine, 'prometheus');
  const lateMs = Date.now() + patienceMs;
  for (;;) {
    const { activeTargets } = await get<{ readonly activeTargets: readonly Target[] }>('/targets');
    const faults = activeTargets.filter(({ health }) => health !== 'up');
    const found = new Set(activeTargets.map(({ labels }) => labels.process));
    // The bridge has the name of its contracts.
    const missing = services.filter((name) => !found.has(name === 'bridge' ? 'events' : name));
    if (faults.length === 0 && missing.length === 0) return await summary(activeTargets.length);
    if (Date.now() > lateMs) {
      const texts = faults.map(({ labels, lastError }) => `${labels.process}: ${lastError}`);
      throw new Error(`Prometheus does not scrape ${[...missing, ...texts].join(', ')}`);
    }
    await sleep(1_000);
  }
}

async function summary(targets: number): Promise<string> {
  const { groups } = await get<{ readonly groups: readonly { readonly rules: readonly unknown[] }[] }>('/rules');
  const { result } = await get<{ readonly result: readonly unknown[] }>('/query?query=ordermesh_build_info');
  const alerts = groups.flatMap(({ rules }) => rules).length;
  if (alerts === 0 || result.length !== targets)
    throw new Error(`Prometheus has ${alerts} alerts, ${result.length} versions`);
  return `${targets} containers scraped, ${alerts} alerts`;
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${api}${path}`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`Prometheus answers ${path} with ${response.status}`);
  const { data } = (await response.json()) as { readonly data: T };
  return data;
}
