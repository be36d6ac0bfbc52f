import type { TsProtoServiceDefinition } from 'nice-grpc';
import type { MethodContract, ServiceContract } from '../contract/contract.ts';
import type { EngineMethod, MethodKind } from '../engines/engine.ts';
import { uuidv7 } from '../ids/ids.ts';
import { maxAttempts } from './retry.ts';
import type { MethodGroup } from './targets.ts';

/** What a client knows of a method before any call of it. */
export interface ClientMethod {
  readonly engineMethod: EngineMethod<object, unknown>;
  readonly timeoutMs: number | undefined;
  readonly maxAttempts: number;
  readonly group: MethodGroup;
  /**
   * A whole message from what the caller gave of it. A mutation without a request id gets one, so that all tries of this
   * call are one call to the server.
   */
  readonly complete: (request: object) => object;
}

type ProtoMethod = TsProtoServiceDefinition['methods'][string];

/** The methods of a service, by ts-proto's name. */
export function clientMethods(contract: ServiceContract): ReadonlyMap<string, ClientMethod> {
  const { fullName, methods } = contract.definition as TsProtoServiceDefinition;
  const policies = contract.methods as Readonly<Record<string, MethodContract>>;
  return new Map(
    Object.entries(methods).map(([name, method]) => {
      const policy = policies[name];
      if (!policy)
        throw new Error(`the contract of ${fullName} has no policy for ${name}: generate it anew (make gen)`);
      return [name, clientMethod(fullName, method, policy)];
    }),
  );
}

function clientMethod(service: string, method: ProtoMethod, policy: MethodContract): ClientMethod {
  const { requestType, responseType } = method;
  return {
    engineMethod: {
      path: `/${service}/${method.name}`,
      kind: methodKind(method),
      encodeRequest: (message) => requestType.encode(message).finish(),
      decodeRequest: (bytes) => requestType.decode(bytes),
      encodeResponse: (message) => responseType.encode(message).finish(),
      decodeResponse: (bytes) => responseType.decode(bytes),
    },
    timeoutMs: policy.timeoutMs,
    maxAttempts: maxAttempts(policy),
    group: policy.idempotency === 'no-side-effects' ? 'queries' : 'commands',
    complete: completeMessage(requestType, policy),
  };
}

function completeMessage({ fromPartial }: ProtoMethod['requestType'], { idempotency }: MethodContract) {
  const whole = fromPartial ?? ((request: object) => request);
  if (idempotency === 'no-side-effects' || !('requestId' in whole({}))) return whole;
  return (request: object) => {
    const message = whole(request) as { requestId: string };
    if (!message.requestId) message.requestId = uuidv7();
    return message;
  };
}

function methodKind({ requestStream, responseStream }: ProtoMethod): MethodKind {
  if (requestStream) return responseStream ? 'bidi-streaming' : 'client-streaming';
  return responseStream ? 'server-streaming' : 'unary';
}
