import type { TsProtoServiceDefinition } from 'nice-grpc';
import { Metadata, Status } from 'nice-grpc-common';
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { EngineMethod, Transport } from '../../engines/engine.ts';
import { engineMethods } from '../../engines/engine-methods.ts';
import { TransportError } from '../../engines/transport-error.ts';
import type { ReflectionAnswer } from './answer.ts';
import { reflectionDefinitions } from './definitions.ts';

// How long a server that is away may delay an answer.
const timeoutMs = 1_000;

/** The methods of both versions. Some servers have only the older one. */
const methods = reflectionDefinitions.map((definition) => {
  const [method] = engineMethods(definition as unknown as TsProtoServiceDefinition).values();
  if (method === undefined) throw new TypeError(`${definition.fullName} has no method`);
  return method;
});

/** Asks a server by reflection. `undefined`: it has no answer, no reflection, or is away. */
export async function askReflection(
  transport: Transport,
  request: ServerReflectionRequest,
): Promise<ReflectionAnswer | undefined> {
  for (const method of methods) {
    try {
      const answer = await askOnce(transport, method, request);
      return answer?.$case === 'errorResponse' ? undefined : answer;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (error.code !== Status.UNIMPLEMENTED) return undefined;
    }
  }
  return undefined;
}

async function askOnce(
  transport: Transport,
  method: EngineMethod<unknown, unknown>,
  request: ServerReflectionRequest,
): Promise<ReflectionAnswer | undefined> {
  const ended = new AbortController();
  const call = { metadata: Metadata(), deadlineMs: Date.now() + timeoutMs, signal: ended.signal };
  for await (const response of transport.bidiStreaming(method, only(request), call))
    return (response as ServerReflectionResponse).messageResponse;
  return undefined;
}

async function* only(request: ServerReflectionRequest) {
  yield request;
}
