import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import {
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromJson,
  type Message,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { ServerError, Status } from 'nice-grpc-common';
import type { Runtime } from '../../../mesh/app/service/service.ts';
import { contractOpenApi } from '../../../mesh/contract/declared-services.ts';
import { createEdge } from '../../../mesh/edge/edge.ts';
import { contractOf } from '../../../mesh/edge/method-calls.ts';
import { compileShapes } from '../../../mesh/edge/testing/shapes.ts';
import { serve } from '../../../mesh/server/serve.ts';
import { startMesh } from '../../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { testService } from '../../../mesh/testing/test-service.ts';
import type { JsonObject, JsonValue } from '../../../mesh/values/json.ts';

/** A call that the service of `shapes.v1` got. */
export interface ReceivedCall {
  /** `GetShape`. */
  readonly method: string;
  /** Without default values. */
  readonly request: JsonValue;
}

/** A mesh that serves the contract `shapes.v1`, with the edge in front of it. */
export interface ShapesMesh extends AsyncDisposable {
  /** `host:port` of gRPC. */
  readonly address: string;
  /** `host:port` of the edge. */
  readonly httpAddress: string;
  /** A file with the descriptors. */
  readonly descriptors: string;
  /** Returns the calls since it was last asked. */
  takeCalls(): readonly ReceivedCall[];
}

/** The full name of the service. */
export const shapeService = 'shapes.v1.ShapeService';

const example = {
  id: 's1',
  displayName: 'Square "é" </script>',
  area: '9007199254740993',
  color: 'COLOR_BLUE',
  style: { width: 2 },
  createTime: '2026-11-29T12:00:00.120Z',
  age: '1.500s',
};

/**
 * Starts it on free ports. Every method answers with its request, if it can, or else with an example. The id `fails-<code>`
 * fails, `ends-<code>` ends a stream after a message, and `none` has no messages.
 */
export async function startShapesMesh(): Promise<ShapesMesh> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const set = await compileShapes();
  const descriptors = join(folder.path, 'descriptors.binpb');
  await writeFile(descriptors, toBinary(FileDescriptorSetSchema, set));
  const registry = createFileRegistry(set);
  const service = registry.getService(shapeService);
  if (service === undefined) throw new Error(`the contract has no ${shapeService}`);

  const calls: ReceivedCall[] = [];
  let runtime: Runtime | undefined;
  const definition = testService('shapes', async (given) => {
    runtime = given;
    return { serves: [serve(contractOf(service, registry), handlersOf(service, registry, calls))] };
  });
  const mesh = await startMesh([definition]);
  stack.defer(() => mesh.stop());
  if (runtime === undefined) throw new Error('the service was not built');
  const edge = createEdge({
    ...runtime,
    descriptors: pathToFileURL(descriptors),
    // That of other contracts: nobody asks for it here.
    openApi: contractOpenApi,
    has: () => true,
    instancesOf: () => 1,
    maxWaitingBytes: runtime.config.grpcMaxWaitingBytes,
    metadataHeaders: [],
    connections: { all: 1_000, ofAddress: 1_000 },
  });
  const port = await edge.listen('127.0.0.1:0');
  stack.defer(() => edge.drain(1_000));
  edge.open();
  const moved = stack.move();
  return {
    address: mesh.address,
    httpAddress: `127.0.0.1:${port}`,
    descriptors,
    takeCalls: () => calls.splice(0),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

const untilSentMs = 200;

function handlersOf(service: DescService, registry: FileRegistry, calls: ReceivedCall[]) {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, handlerOf(method, registry, calls)] as const),
  );
}

function handlerOf(method: DescMethod, registry: FileRegistry, calls: ReceivedCall[]) {
  const { input, output } = method;
  const record = (request: Message) => {
    const json = toJson(input, request, { registry }) as JsonObject;
    calls.push({ method: method.name, request: withoutMadeId(json) });
    failIfAsked(json, 'fails');
    return input === output ? request : exampleOf(output, registry);
  };
  if (method.methodKind !== 'server_streaming') return async (request: Message) => record(request);
  return async function* (request: Message) {
    const answer = record(request);
    const json = toJson(input, request, { registry }) as JsonObject;
    if (json.id === 'none') return;
    yield answer;
    // An error that arrives together with the message may be the status of the answer.
    if (String(json.id).startsWith('ends')) await delay(untilSentMs);
    failIfAsked(json, 'ends');
    yield answer;
  };
}

/** The client of the mesh gives each change that has no request id one. */
function withoutMadeId({ requestId, ...others }: JsonObject): JsonObject {
  const isMade =
    requestId === undefined || (typeof requestId === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(requestId));
  return isMade ? others : { requestId, ...others };
}

/** The id `fails-NOT_FOUND` is that of a shape that cannot be had. */
function failIfAsked({ id }: JsonObject, how: string): void {
  const [, code] = new RegExp(`^${how}-([A-Z_]+)$`).exec(String(id)) ?? [];
  if (code !== undefined) throw new ServerError(Status[code as keyof typeof Status], 'as asked');
}

function exampleOf(type: DescMessage, registry: FileRegistry): Message {
  if (type.typeName === 'shapes.v1.Shape') return fromJson(type, example, { registry });
  if (type.typeName === 'shapes.v1.Shapes') return fromJson(type, { shapes: [example], next: 'two' }, { registry });
  return fromJson(type, {}, { registry });
}
