import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ghz, grpcurl } from '../../mesh/testing/servers/go-tools.ts';
import { testProtoFolder } from '../../mesh/testing/servers/grpc-java.ts';
import { nghttp2 } from '../../mesh/testing/servers/nghttp2.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { mustRun } from './support/run-tool.ts';
import { plain, wireBytes } from './support/wire-messages.ts';

const service = 'grpc.testing.TestService';
const proto = 'grpc/testing/test.proto';

describeEachEngine('a server', (engine) => {
  describeWithServer(grpcurl, 'called by grpcurl', () => {
    const port = serveTestService(engine);

    it.each([
      ['UnaryCall', '{"response_size": 3}', ['"AAAA"']],
      ['StreamingOutputCall', '{"response_parameters": [{"size": 1}, {"size": 3}]}', ['"AA=="', '"AAAA"']],
      ['StreamingInputCall', '{"payload": {"body": "AAAA"}} {"payload": {"body": "AA=="}}', ['4']],
      [
        'FullDuplexCall',
        '{"response_parameters": {"size": 3}} {"response_parameters": {"size": 1}}',
        ['"AAAA"', '"AA=="'],
      ],
    ])('returns the response of %s', async (method, data, responses) => {
      const contract = ['-plaintext', `-import-path=${testProtoFolder}`, `-proto=${proto}`, `-d=${data}`];
      const output = await mustRun([grpcurl.path, ...contract, `127.0.0.1:${port()}`, `${service}/${method}`]);
      const values = [...output.matchAll(/"(?:body|aggregatedPayloadSize)": (\S+)/g)].map(([, value]) => value);
      expect(values).toEqual(responses);
    });
  });

  describeWithServer(ghz, 'under load from ghz', () => {
    const port = serveTestService(engine);

    it.each([
      ['UnaryCall', '{"response_size": 100, "payload": {"body": "AAAA"}}'],
      ['StreamingOutputCall', '{"response_parameters": [{"size": 100}, {"size": 100}, {"size": 100}]}'],
      ['StreamingInputCall', '[{"payload": {"body": "AAAA"}}, {"payload": {"body": "AAAA"}}]'],
      ['FullDuplexCall', '[{"response_parameters": {"size": 100}}, {"response_parameters": {"size": 100}}]'],
    ])('completes 5,000 calls of %s without an error', async (method, data) => {
      const contract = ['--insecure', `--import-paths=${testProtoFolder}`, `--proto=${proto}`];
      const load = ['--total=5000', '--concurrency=50', '--connections=5', `--call=${service}/${method}`];
      const output = await mustRun([
        ghz.path,
        ...contract,
        ...load,
        `--data=${data}`,
        '--format=json',
        `127.0.0.1:${port()}`,
      ]);
      const { count, statusCodeDistribution, errorDistribution = {} } = JSON.parse(output);
      expect({ count, statusCodeDistribution, errorDistribution }).toEqual({
        count: 5_000,
        statusCodeDistribution: { OK: 5_000 },
        errorDistribution: {},
      });
    });
  });

  describeWithServer(nghttp2, 'called by HTTP/2 clients', () => {
    const port = serveTestService(engine);
    const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
    const url = () => `http://127.0.0.1:${port()}/${service}/EmptyCall`;
    let folder: TempFolder;
    let body: string;

    beforeAll(async () => {
      folder = await tempFolder();
      body = join(folder.path, 'body');
      await writeFile(body, wireBytes(plain(new Uint8Array())));
    });
    afterAll(() => folder[Symbol.asyncDispose]());

    it('answers ten requests of nghttp on one connection, with padded frames', async () => {
      const options = ['--verbose', '--multiply=10', '--padding=64', `--data=${body}`, ...headers];
      const output = await mustRun(['nghttp', ...options, url()]);
      expect(output.match(/:status: 200/g)).toHaveLength(10);
      expect(output.match(/grpc-status: 0/g)).toHaveLength(10);
      expect(output).not.toMatch(/RST_STREAM|error_code=(?!NO_ERROR)/);
    });

    it('completes 10,000 calls of h2load without an error', async () => {
      const load = ['--requests=10000', '--clients=10', '--max-concurrent-streams=20', `--data=${body}`];
      const output = await mustRun(['h2load', ...load, ...headers, url()]);
      const done = '10000 total, 10000 started, 10000 done, 10000 succeeded, 0 failed, 0 errored, 0 timeout';
      expect(output).toContain(`requests: ${done}`);
      expect(output).toContain('status codes: 10000 2xx, 0 3xx, 0 4xx, 0 5xx');
    });
  });
});
