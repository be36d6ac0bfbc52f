import { fileURLToPath } from 'node:url';
import { Metadata, Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, EngineMethod, Transport } from '../../mesh/engines/engine.ts';
import { type EngineName, engineByName, engineNames } from '../../mesh/engines/engines.ts';
import type { ConnectionEnd } from '../../mesh/engines/host-observer.ts';
import type { EndpointOptions } from '../../mesh/engines/native/grpc/client/endpoint-options.ts';
import type { PingPolicy } from '../../mesh/engines/ping-strikes.ts';
import { toStatus } from '../../mesh/errors/to-status.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { grpcGoServer } from '../../mesh/testing/servers/go-tools.ts';
import { grpcJava } from '../../mesh/testing/servers/grpc-java.ts';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startForeignServer } from './support/foreign-server.ts';
import { mustRun } from './support/run-tool.ts';
import { loadTestMethods } from './test-service/methods.ts';
import type { TestTarget } from './test-service/start.ts';

const script = fileURLToPath(new URL('./python/pings.py', import.meta.url));
/** Longer than a server tolerates pings of 200 ms, and several times what the one of grpcio permits. */
const waitMs = 5_000;
const permittedMs = 1_000;

/** A client that pings every 200 ms, no matter what the server sends. No engine makes one by itself. */
const careless: EndpointOptions = { keepalive: { everyMs: 200 }, patience: { quietPingMs: 0 } };

const text = {
  encode: (words: string) => Buffer.from(words),
  decode: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
};
const wait: EngineMethod<string, string> = {
  path: '/pings/Wait',
  kind: 'server-streaming',
  encodeRequest: text.encode,
  decodeRequest: text.decode,
  encodeResponse: text.encode,
  decodeResponse: text.decode,
};

/** Makes a call over a separate connection. The tests are concurrent, so each ends what it begins by itself. */
async function callOver<Response>(
  engine: Engine,
  port: number,
  options: EndpointOptions,
  call: (transport: Transport) => AsyncIterable<Response>,
): Promise<Response[]> {
  const transport = engine.connect(`127.0.0.1:${port}`, options);
  try {
    return await Array.fromAsync(call(transport));
  } finally {
    transport.close();
  }
}

const call = () => ({ metadata: Metadata(), deadlineMs: Date.now() + 4 * waitMs, signal: undefined });
/** A server ends the connection with GOAWAY and closes it. */
const ended = { code: Status.UNAVAILABLE };

/** Clients that keep their connection, by engine. `permittedMs`: the shortest interval of pings that the server accepts. */
function patientClients(engine: EngineName, permittedMs: number): readonly (readonly [string, EndpointOptions])[] {
  const keepalive = { everyMs: 200 };
  const fits: EndpointOptions = { keepalive, patience: { quietPingMs: 2 * permittedMs } };
  const clients: (readonly [string, EndpointOptions])[] = [
    ['sends no pings', {}],
    ['pings by the rules', { keepalive }],
  ];
  return engine === 'native' ? [...clients, ['pings as often as is permitted', fits]] : clients;
}

describe.each(engineNames)('a transport on %s with a call that is silent for a while', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineByName(name);
  });

  describeWithServer(grpcPython, "connected to grpcio's server", () => {
    const server = serve((port) => [grpcPythonPath, script, 'serve', `${port}`, `${permittedMs}`]);
    const waitOver = (options: EndpointOptions) =>
      callOver(engine, server().port, options, (transport) => transport.serverStreaming(wait, `${waitMs}`, call()));

    it.concurrent.each(patientClients(name, permittedMs))('keeps its connection if it %s', async (_, options) => {
      expect(await waitOver(options)).toEqual(['done']);
    });

    if (name === 'native') {
      it.concurrent('loses its connection if it pings more often', async () => {
        await expect(waitOver(careless)).rejects.toMatchObject(ended);
      });
    }
  });

  // The contracts of its test service come with grpc-java.
  describeWithServer({ ...grpcJava, name: 'the test contracts of grpc-java' }, 'with the test contracts', () => {
    describeWithServer(grpcGoServer, "connected to grpc-go's server, which permits a ping in 5 min", () => {
      const server = serve((port) => [grpcGoServer.path, `-port=${port}`]);
      const waitOver = (options: EndpointOptions) => {
        const request = { responseParameters: [{ size: 1, intervalUs: waitMs * 1_000 }] };
        const { streamingOutputCall } = loadTestMethods();
        return callOver(engine, server().port, options, (transport) =>
          transport.serverStreaming(streamingOutputCall, request, call()),
        );
      };

      it.concurrent.each(patientClients(name, 300_000))('keeps its connection if it %s', async (_, options) => {
        expect(await waitOver(options)).toHaveLength(1);
      });

      if (name === 'native') {
        it.concurrent('loses its connection if it pings more often', async () => {
          await expect(waitOver(careless)).rejects.toMatchObject(ended);
        });
      }
    });
  });
});

describe.each(engineNames)('a server on %s whose client is grpcio', (name) => {
  describeWithServer(grpcPython, 'with a call that is silent for a while', () => {
    /** The outcome of a call during which grpcio pings every 300 ms, or as often as it is set to. */
    async function callOf(pings: PingPolicy | undefined, keepaliveMs: number) {
      const connections: ConnectionEnd[] = [];
      const observer = {
        connectionEnded: (end: ConnectionEnd) => void connections.push(end),
        callRefused: () => undefined,
      };
      const logger = createLogger('silent');
      const host = (await engineByName(name)).createServerHost({
        pings,
        observer,
        toStatus: (error, call) => toStatus(error, call, logger),
      });
      host.add(wait, {
        kind: 'server-streaming',
        async *handle(read) {
          await new Promise((resolve) => setTimeout(resolve, Number(read())));
          yield 'done';
        },
      });
      const port = await host.listen('127.0.0.1:0');
      const command = [grpcPythonPath, script, 'call', `127.0.0.1:${port}`, `${keepaliveMs}`, `${2 * waitMs}`];
      try {
        return { output: await mustRun(command), reasons: connections.map(({ reason }) => reason) };
      } finally {
        await host.drain(0);
      }
    }

    it.concurrent('ends the connection of one that pings too often, as its own server does', async () => {
      const { output, reasons } = await callOf(undefined, 300);
      expect(output).toMatch(/^UNAVAILABLE .*GOAWAY received/m);
      expect(reasons).toEqual(['too_many_pings']);
    });

    it.concurrent('keeps the connection of one that pings as often as is permitted', async () => {
      const { output, reasons } = await callOf({ minIntervalMs: 200 }, 300);
      expect(output).toContain("OK ['done']");
      expect(reasons).toEqual([]);
    });

    it.concurrent('keeps the connection of one with the usual interval', async () => {
      const { output } = await callOf(undefined, 300_000);
      expect(output).toContain("OK ['done']");
    });
  });
});

/** Starts a third-party server for the duration of a suite. */
function serve(command: (port: number) => readonly string[]): () => TestTarget {
  let target: TestTarget | undefined;
  beforeAll(async () => {
    target = await startForeignServer(command);
  });
  afterAll(() => target?.stop());
  return () => {
    if (!target) throw new Error('the server is not started yet: use it only in tests');
    return target;
  };
}
