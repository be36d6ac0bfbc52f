import { formatTable } from '../support/format.ts';
import { replaceService, untilHealthy } from './containers.ts';
import type { DockerEngine } from './engine.ts';
import { replaceUnderLoad } from './load.ts';

/** After the gateway, what makes calls is replaced before what answers them. */
const replaced = ['ops', 'report', 'notification', 'bridge', 'order', 'user', 'inventory', 'payment', 'shipping'];

/** Replaces the containers of all services but the gateway, by those of this version, under load through the gateway. */
export async function checkRolling(engine: DockerEngine, address: string, httpAddress: string): Promise<string> {
  const { phases, errors, placed, unfinished } = await replaceUnderLoad({
    address,
    httpAddress,
    services: replaced,
    replace: (service) => replaceService(engine, service),
    say: (line) => console.log(`  ${line}`),
  });
  const callers = [...(phases[0]?.calls.keys() ?? [])];
  const rows = phases.map(({ service, calls }) => [
    service,
    ...callers.map((caller) => `${calls.get(caller)?.failed} of ${calls.get(caller)?.calls}`),
  ]);
  for (const line of formatTable([['replaced', ...callers], ...rows])) console.log(`  ${line}`);
  for (const [caller, texts] of errors) for (const text of texts) console.log(`  ${caller}: ${text}`);
  const failed = phases.flatMap(({ calls }) => [...calls.values()]).reduce((sum, { failed }) => sum + failed, 0);
  if (failed > 0 || unfinished.length > 0)
    throw new Error(`${failed} calls failed, ${unfinished.length} of ${placed} orders did not complete`);
  return `0 failed calls, ${placed} orders completed`;
}

/** Replaces the gateway. It has the published ports, so callers notice, and it is not replaced under load. */
export async function replaceGateway(engine: DockerEngine): Promise<string> {
  await engine.compose(['--profile', 'mesh', 'up', '-d', '--no-deps', 'gateway']);
  const [{ image } = { image: '' }] = await untilHealthy(engine, 'gateway');
  return `runs ${image}`;
}
