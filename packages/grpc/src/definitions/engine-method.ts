import { ClientError, type MethodDescriptor, ServerError, Status } from 'nice-grpc-common';
import type { EngineMethod, MethodKind } from '../../../../mesh/engines/engine.ts';
import type { KindName } from '../middleware/drive.ts';
import type { AnyMethodDefinition } from './method-definition.ts';

/** A method as the engine needs it. A message that encodes to more than `maxSendBytes` is RESOURCE_EXHAUSTED. */
export function engineMethodOf(
  definition: AnyMethodDefinition,
  maxSendBytes: number | undefined,
): EngineMethod<unknown, unknown> {
  const { path } = definition;
  const requestError = (text: string) =>
    new ClientError(path, Status.RESOURCE_EXHAUSTED, `request ${text} of the channel`);
  const responseError = (text: string) => new ServerError(Status.RESOURCE_EXHAUSTED, `response ${text} of the server`);
  return {
    path,
    kind: kindOf(definition),
    encodeRequest: limited((message) => definition.requestSerialize(message), maxSendBytes, requestError),
    decodeRequest: (bytes) => definition.requestDeserialize(bytes),
    encodeResponse: limited((message) => definition.responseSerialize(message), maxSendBytes, responseError),
    decodeResponse: (bytes) => definition.responseDeserialize(bytes),
  };
}

/** What middleware gets to know of a method. */
export function descriptorOf({ path, requestStream, responseStream, options }: AnyMethodDefinition): MethodDescriptor {
  return { path, requestStream, responseStream, options };
}

/** The kind of a method in the texts of errors. */
export function kindNameOf({ requestStream, responseStream }: AnyMethodDefinition): KindName {
  if (requestStream) return responseStream ? 'bidirectional streaming' : 'client streaming';
  return responseStream ? 'server streaming' : 'unary';
}

function kindOf({ requestStream, responseStream }: AnyMethodDefinition): MethodKind {
  if (requestStream) return responseStream ? 'bidi-streaming' : 'client-streaming';
  return responseStream ? 'server-streaming' : 'unary';
}

function limited(
  encode: (message: unknown) => Uint8Array,
  maxBytes: number | undefined,
  toError: (text: string) => Error,
): (message: unknown) => Uint8Array {
  if (maxBytes === undefined) return encode;
  return (message) => {
    const bytes = encode(message);
    if (bytes.length <= maxBytes) return bytes;
    throw toError(
      `message has ${bytes.length} bytes, more than ${maxBytes}: send less at a time, or raise grpc.max_send_message_length`,
    );
  };
}
