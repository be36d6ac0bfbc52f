import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServerReflectionRequest } from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import { createEndpoints } from '../../balancing/endpoints.ts';
import { createStaticDiscovery } from '../../discovery/static/static-discovery.ts';
import { engineMethods } from '../../engines/engine-methods.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { toStatus } from '../../errors/to-status.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { systemClock } from '../../time/clock.ts';
import { echoService } from '../testing/echo-service.ts';
import { serveForTest } from '../testing/serve-echo.ts';
import { listAnswer, type ReflectionAnswer } from './answer.ts';
import { reflectionDefinitions } from './definitions.ts';
import { mergeReflection } from './merge.ts';

const logger = createLogger('silent');
const declared = ['test.v1.EchoService', 'other.v1.OtherService'];
const listRequest: ServerReflectionRequest = { host: '', messageRequest: { $case: 'listServices', value: '' } };
const own = listAnswer(['grpc.health.v1.Health']);
const file: ReflectionAnswer = {
  $case: 'fileDescriptorResponse',
  value: { fileDescriptorProto: [new Uint8Array([1])] },
};
const notFound: ReflectionAnswer = { $case: 'errorResponse', value: { errorCode: 5, errorMessage: 'not found' } };

function symbol(value: string): ServerReflectionRequest {
  return { host: '', messageRequest: { $case: 'fileContainingSymbol', value } };
}

function merge(
  addresses: Readonly<Record<string, string>>,
  found: (services: readonly string[]) => void = () => undefined,
) {
  const entries = Object.entries(addresses).map(([name, address]) => [name, [address]] as const);
  const discovery = createStaticDiscovery(new Map(entries));
  const endpoints = createEndpoints({ engine: nativeEngine, discovery, clock: systemClock, logger });
  onTestFinished(() => endpoints.close());
  return mergeReflection({ endpoints, declared, found, clock: systemClock });
}

function namesIn(answer: ReflectionAnswer): string[] {
  return answer.$case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : [];
}

/** A server that has only the older version of reflection. */
async function serveOlder(answer: (request: ServerReflectionRequest) => ReflectionAnswer): Promise<string> {
  const host = nativeEngine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  const [method] = engineMethods(reflectionDefinitions[1]).values();
  if (method === undefined) throw new TypeError('reflection has no method');
  host.add(method, {
    kind: 'bidi-streaming',
    async *handle(requests) {
      for await (const request of requests as AsyncIterable<ServerReflectionRequest>) {
        yield { validHost: '', originalRequest: request, messageResponse: answer(request) };
      }
    },
  });
  const port = await host.listen('127.0.0.1:0');
  onTestFinished(() => host.drain(0));
  return `127.0.0.1:${port}`;
}

describe('merged reflection', () => {
  it('lists the services of each package at the process that discovery names for it', async () => {
    const { server, address } = await serveForTest({ serves: [echoService()] });
    onTestFinished(() => server.drain(0));
    const found: (readonly string[])[] = [];
    const merged = merge({ test: address }, (services) => found.push(services));
    expect(namesIn(await merged.answer(listRequest, own))).toEqual(['grpc.health.v1.Health', 'test.v1.EchoService']);
    expect(found).toEqual([['test.v1.EchoService']]);
  });

  it('asks servers that have only v1alpha', async () => {
    const address = await serveOlder(({ messageRequest }) =>
      messageRequest?.$case === 'listServices' ? listAnswer(['other.v1.Foreign', 'stray.v1.Other']) : file,
    );
    const merged = merge({ other: address });
    expect(namesIn(await merged.answer(listRequest, own))).toEqual(['grpc.health.v1.Health', 'other.v1.Foreign']);
    expect(await merged.answer(symbol('other.v1.Foreign'), notFound)).toMatchObject({
      $case: 'fileDescriptorResponse',
    });
    // A type of another package, which this process does not know.
    expect(await merged.answer(symbol('strange.Type'), notFound)).toMatchObject({ $case: 'fileDescriptorResponse' });
  });

  it('lists the contracts of this project for a service that is away, within 1 s', async () => {
    const merged = merge({ other: `127.0.0.1:${await freePort()}` });
    const startMs = performance.now();
    expect(namesIn(await merged.answer(listRequest, own))).toEqual(['grpc.health.v1.Health', 'other.v1.OtherService']);
    expect(await merged.answer(symbol('other.v1.OtherService'), file)).toBe(file);
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });

  it('returns the own answer if nobody has another', async () => {
    expect(await merge({}).answer(symbol('nobody.v1.Nothing'), notFound)).toBe(notFound);
  });
});
