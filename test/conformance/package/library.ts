import type { EngineMethod } from '../../../mesh/engines/engine.ts';
import type * as ours from '../../../packages/grpc/src/index.ts';

/** What a program imports from `@ordermesh/grpc`. */
export type Library = typeof ours;

/** The option of servers and channels that compresses what they send with gzip. */
export const compressing = { 'grpc.default_compression_algorithm': 2 } as const;

/** A method of an engine as nice-grpc defines it. What it streams is its kind, as a type. */
export function methodDefinitionOf<Request, Response, RequestStream extends boolean, ResponseStream extends boolean>(
  method: EngineMethod<Request, Response>,
  requestStream: RequestStream,
  responseStream: ResponseStream,
): ours.MethodDefinition<unknown, unknown, unknown, unknown, RequestStream, ResponseStream> {
  return {
    path: method.path,
    requestStream,
    responseStream,
    requestSerialize: method.encodeRequest,
    requestDeserialize: method.decodeRequest,
    responseSerialize: method.encodeResponse,
    responseDeserialize: method.decodeResponse,
    options: {},
  };
}
