import { describe, expect, it } from 'vitest';
import type { ServiceContract } from '../../contract/contract.ts';
import { EchoDefinition, echoService } from '../../server/testing/echo-service.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { startMesh } from '../../testing/start-mesh.ts';
import { testService } from '../../testing/test-service.ts';

/** Starts a process that calls these services, and returns its warnings. */
async function warningsOf(services: readonly string[], url: string): Promise<readonly object[]> {
  const { methods } = echoService().contract;
  const contracts = services.map(
    (name) =>
      ({
        definition: { ...EchoDefinition, fullName: `${name}.v1.EchoService` },
        methods,
      }) as unknown as ServiceContract<typeof EchoDefinition>,
  );
  const caller = testService('caller', async (runtime) => {
    for (const contract of contracts) runtime.client(contract);
    return {};
  });
  const { logger, lines } = captureLog({ level: 'warn' });
  const mesh = await startMesh([caller], { DISCOVERY_URL: url }, logger);
  await mesh.stop();
  return lines.filter(({ msg }) => msg.startsWith('all services are looked up at one DNS name'));
}

describe('a DNS name without <service>', () => {
  const url = 'dns://127.0.0.1:1/user-service:50051';

  it('is logged if several services are looked up at it', async () => {
    expect(await warningsOf(['user', 'order'], url)).toMatchObject([
      { name: 'user-service', services: ['user', 'order'] },
    ]);
  });

  it('is not logged if it is that of one service', async () => {
    expect(await warningsOf(['user'], url)).toEqual([]);
    expect(await warningsOf(['user', 'order'], 'dns://127.0.0.1:1/<service>-service:50051')).toEqual([]);
  });
});
