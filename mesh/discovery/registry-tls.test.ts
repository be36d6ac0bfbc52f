import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError } from '../config/config.ts';
import { parseDiscoveryUrl } from '../config/discovery-url.ts';
import { createTestCa, type TestCa } from '../testing/certificates.ts';
import { eventually } from '../testing/eventually.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { openDiscovery } from './open-discovery.ts';
import { answerJson, startRegistryServer } from './testing/registry-server.ts';
import { testParts, watchService } from './testing/watch-service.ts';

function open(text: string) {
  const { parts, warnings } = testParts();
  const discovery = openDiscovery(parseDiscoveryUrl(text) ?? expect.fail(`${text} is not valid`), parts);
  onTestFinished(() => discovery.close());
  return { found: watchService(discovery, 'user'), warnings };
}

const consulAnswer = [{ Service: { Address: '10.0.0.1', Port: 50051 } }];
const eurekaAnswer = {
  application: { instance: { ipAddr: '10.0.0.1', status: 'UP', metadata: { grpcPort: '50051' } } },
};

describe('a registry over TLS', () => {
  let ca: TestCa;
  beforeAll(async () => {
    ca = await createTestCa();
  });

  /** Starts a server with a certificate of the authority in `caFile`. */
  async function start(answer: unknown) {
    const folder = await tempFolder();
    const caFile = join(folder.path, 'ca.crt');
    await writeFile(caFile, ca.cert);
    const headers = { 'x-consul-index': '1' };
    const server = await startRegistryServer(
      (request) => answerJson(request, answer, { headers }),
      await ca.sign('127.0.0.1'),
    );
    onTestFinished(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    return { address: server.address, caFile };
  }

  it.each([
    ['consul', consulAnswer],
    ['eureka', eurekaAnswer],
  ])('is asked with the authorities of its URL: %s', async (scheme, answer) => {
    const { address, caFile } = await start(answer);
    const { found, warnings } = open(`${scheme}+https://${address}?ca_file=${caFile}`);
    await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:50051' }]));
    expect(warnings()).toEqual([]);
  });

  it('is not believed if no known authority has signed its certificate', async () => {
    const { address } = await start(consulAnswer);
    const { found, warnings } = open(`consul+https://${address}`);
    await eventually(() => expect(warnings()).toEqual(['REGISTRY_UNAVAILABLE']));
    expect(found()).toBeUndefined();
  });

  it('needs a readable file of authorities', () => {
    expect(() => open('eureka+https://127.0.0.1:1?ca_file=/missing')).toThrow(ConfigError);
  });
});
