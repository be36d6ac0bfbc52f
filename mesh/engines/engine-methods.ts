import type { TsProtoServiceDefinition } from 'nice-grpc';
import type { EngineMethod, MethodKind } from './engine.ts';
import { encodeMessage } from './message-encoder.ts';

type MethodDefinition = TsProtoServiceDefinition['methods'][string];

/** The engine methods of a service, by ts-proto's method name. */
export function engineMethods(
  definition: TsProtoServiceDefinition,
): ReadonlyMap<string, EngineMethod<unknown, unknown>> {
  const entries = Object.entries(definition.methods).map(
    ([key, method]) => [key, engineMethod(definition.fullName, method)] as const,
  );
  return new Map(entries);
}

function engineMethod(service: string, method: MethodDefinition): EngineMethod<unknown, unknown> {
  return {
    path: `/${service}/${method.name}`,
    kind: kindOf(method),
    // Clients complete a request once, before the first attempt.
    encodeRequest: (message) => encodeMessage(method.requestType, message),
    decodeRequest: method.requestType.decode,
    encodeResponse: completingEncoder(method.responseType),
    decodeResponse: method.responseType.decode,
  };
}

function kindOf({ requestStream, responseStream }: MethodDefinition): MethodKind {
  if (requestStream) return responseStream ? 'bidi-streaming' : 'client-streaming';
  return responseStream ? 'server-streaming' : 'unary';
}

// nice-grpc lets handlers omit fields, and ts-proto writes "undefined" for a missing string.
function completingEncoder(type: MethodDefinition['responseType']): (message: unknown) => Uint8Array {
  const { fromPartial } = type;
  return fromPartial
    ? (message) => encodeMessage(type, fromPartial(message))
    : (message) => encodeMessage(type, message);
}
