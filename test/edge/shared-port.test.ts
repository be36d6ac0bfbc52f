import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { createLaunches, type Launch, type LaunchedProcess } from '../../scripts/split/launch.ts';

it('is lossless to replace the gateways that share an HTTP port', { timeout: 90_000 }, async () => {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const launches = createLaunches();
  const [grpc, http, user] = [await freePort(), await freePort(), await freePort()];

  async function start(launch: Launch, service: string, name: string, settings: Record<string, string>) {
    const environment = { LOG_LEVEL: 'warn', DATA_DIR: `${folder.path}/${name}`, ...settings };
    const launched: LaunchedProcess = launch({ name, service, address: '', environment });
    onTestFinished(async () => {
      launched.signal('SIGKILL');
      await launched.ended;
    });
    const lines: string[] = [];
    createInterface({ input: launched.stdout }).on('line', (line) => lines.push(line));
    launched.stderr.resume();
    await eventually(() => expect(lines.join('\n')).toMatch(/^ready /m), { timeoutMs: 30_000 });
    return launched;
  }

  await start(launches.service, 'user', 'user-1', { GRPC_LISTEN: `127.0.0.1:${user}` });
  const settings = {
    GRPC_LISTEN: `127.0.0.1:${grpc}`,
    HTTP_LISTEN: `127.0.0.1:${http}`,
    DISCOVERY_URL: `static:user=127.0.0.1:${user}`,
  };
  let gateway = await start(launches.gateway, 'gateway', 'gateway-1', settings);
  let answered = 0;
  let isOver = false;
  const failed: unknown[] = [];
  const callUntilOver = async () => {
    while (!isOver) {
      const status = await fetch(`http://127.0.0.1:${http}/api/users`).then(
        (response) => response.text().then(() => response.status),
        (error) => error.cause?.code ?? String(error),
      );
      if (status === 200) answered += 1;
      else failed.push(status);
    }
  };
  const callers = [callUntilOver(), callUntilOver()];
  for (const name of ['gateway-2', 'gateway-3']) {
    const next = await start(launches.gateway, 'gateway', name, settings);
    gateway.signal('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    gateway = next;
    const before = answered;
    await eventually(() => expect(answered).toBeGreaterThan(before + 10));
  }
  isOver = true;
  await Promise.all(callers);
  expect(failed).toEqual([]);
});
