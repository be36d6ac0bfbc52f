import type { EngineMethod } from '../../../mesh/engines/engine.ts';
import type { MethodDefinition } from '../../../packages/grpc/src/index.ts';

/** A method of an engine as nice-grpc defines it. */
export function methodDefinitionOf({
  path,
  kind,
  encodeRequest,
  decodeRequest,
  encodeResponse,
  decodeResponse,
}: EngineMethod<unknown, unknown>): MethodDefinition<unknown, unknown, unknown, unknown> {
  return {
    path,
    requestStream: kind === 'client-streaming' || kind === 'bidi-streaming',
    responseStream: kind === 'server-streaming' || kind === 'bidi-streaming',
    requestSerialize: encodeRequest,
    requestDeserialize: decodeRequest,
    responseSerialize: encodeResponse,
    responseDeserialize: decodeResponse,
    options: {},
  };
}
