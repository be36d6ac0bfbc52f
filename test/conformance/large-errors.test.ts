import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Status as RpcStatus } from '../../gen/ts/google/rpc/status.ts';
import { engineByName, engineNames } from '../../mesh/engines/engines.ts';
import { invalidRequest } from '../../mesh/errors/errors.ts';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { decodeStatusDetails } from '../../mesh/errors/status-details.ts';
import { createServer } from '../../mesh/server/create-server.ts';
import { echoService } from '../../mesh/server/testing/echo-service.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { grpcurl } from '../../mesh/testing/servers/go-tools.ts';
import { grpcJava, grpcJavaFolder } from '../../mesh/testing/servers/grpc-java.ts';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { nginx, startNginx } from '../../mesh/testing/servers/nginx.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { mustRun, runTool } from './support/run-tool.ts';

const text = '€'.repeat(600);
const paths = ['/test.v1.EchoService/One', '/test.v1.EchoService/Many'];
const folder = fileURLToPath(new URL('./errors/', import.meta.url));

/** How a client saw a failed call. */
interface Seen {
  readonly code: string;
  readonly message: string;
  /** In base64. */
  readonly details: string;
}

const violations = Array.from({ length: 60 }, (_, index) => ({
  field: `items[${index}].unit_price.currency_code`,
  description: 'must be three letters from A to Z, such as EUR or USD, but is "€€€€€€€€€€"',
}));

describe.each(engineNames)('an error with much to say from %s', (engine) => {
  let address: string;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const server = createServer({
      engine: await engineByName(engine),
      // `One` fails with a long text, `Many` with many violations.
      serves: [
        echoService({
          one: () => Promise.reject(new MeshError(Status.FAILED_PRECONDITION, 'LONG', text)),
          // biome-ignore lint/correctness/useYield: it fails before its first response.
          async *many() {
            throw invalidRequest(violations);
          },
        }),
      ],
      clock: systemClock,
      logger: createLogger('silent'),
    });
    address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
    stop = () => server.drain(0);
  });
  afterAll(() => stop());

  const clients = [
    { client: grpcPython, call: callWithPython },
    { client: grpcJava, call: callWithJava },
    { client: grpcurl, call: callWithGo },
  ];
  describe.each(clients)('$client.name', ({ client, call }) => {
    describeWithServer(client, 'as a direct client', () => {
      it('gets its code, its text and its reason', { timeout: 60_000 }, async () => expectWhole(await call(address)));
    });

    describeWithServer(client, 'as a client behind a proxy', () => {
      describeWithServer(nginx, 'nginx with its default buffers', () => {
        it('gets its code, its text and its reason', { timeout: 60_000 }, async () => {
          await using proxy = await startNginx(address);
          expectWhole(await call(proxy.address));
        });
      });
    });
  });
});

function expectWhole([long, many]: readonly Seen[]): void {
  expect(long).toMatchObject({ code: 'FAILED_PRECONDITION', message: expect.stringMatching(/^€{50,}…$/) });
  expect(many).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^invalid request: items\[0\]/),
  });
  expect(detailsOf(long)).toMatchObject({ reason: 'LONG' });
  const { reason, violations: sent } = detailsOf(many);
  expect(reason).toBe('INVALID_FIELD');
  expect(sent.length).toBeGreaterThanOrEqual(16);
  expect(sent.at(-1)).toEqual({ field: '', description: `and ${61 - sent.length} more violations` });
}

function detailsOf(seen: Seen | undefined) {
  return decodeStatusDetails(Buffer.from(seen?.details ?? '', 'base64'));
}

async function callWithPython(address: string): Promise<Seen[]> {
  const output = await mustRun([grpcPythonPath, `${folder}error_client.py`, address, ...paths]);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

async function callWithJava(address: string): Promise<Seen[]> {
  const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
  const output = await mustRun([
    'java',
    ...quickStart,
    '-cp',
    `${grpcJavaFolder}/libs/*`,
    `${folder}ErrorClient.java`,
    address,
    ...paths,
  ]);
  return output
    .split('\n')
    .filter((line) => /^[A-Z_]+,/.test(line))
    .map((line) => {
      const [code = '', message = '', details = ''] = line.split(',');
      return { code, message: Buffer.from(message, 'base64').toString(), details };
    });
}

const contract = `
  syntax = "proto3";
  package test.v1;
  message Nothing {}
  service EchoService {
    rpc One(Nothing) returns (Nothing);
    rpc Many(Nothing) returns (stream Nothing);
  }
`;

/** Calls with grpcurl, which is made of grpc-go. */
async function callWithGo(address: string): Promise<Seen[]> {
  const contracts = await mkdtemp(join(tmpdir(), 'errors-'));
  try {
    await writeFile(join(contracts, 'echo.proto'), contract);
    const options = [
      '-plaintext',
      '-format-error',
      '-emit-defaults',
      '-import-path',
      contracts,
      '-proto',
      'echo.proto',
    ];
    return await Promise.all(paths.map((path) => callOneWithGo([...options, address, path.slice(1)])));
  } finally {
    await rm(contracts, { recursive: true });
  }
}

async function callOneWithGo(args: readonly string[]): Promise<Seen> {
  const { output } = await runTool([grpcurl.path, ...args]);
  const { code, message, details } = JSON.parse(output.slice(output.indexOf('{')));
  const packed = details.map((detail: Record<string, string>) => ({
    typeUrl: detail['@type'],
    value: Buffer.from(detail['@value'] ?? '', 'base64'),
  }));
  const bytes = RpcStatus.encode({ code, message, details: packed }).finish();
  return { code: Status[code] ?? '', message, details: Buffer.from(bytes).toString('base64') };
}
