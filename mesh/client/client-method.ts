import type { TsProtoServiceDefinition } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import type { MethodContract, ServiceContract } from '../contract/contract.ts';
import type { EngineMethod } from '../engines/engine.ts';
import { engineMethods } from '../engines/engine-methods.ts';
import { uuidv7 } from '../ids/ids.ts';
import { maxAttempts, type RetrySettings } from './policies/retry.ts';

/** A method as a client calls it. */
export interface ClientMethod {
  readonly engineMethod: EngineMethod<unknown, unknown>;
  readonly timeoutMs: number | undefined;
  readonly maxAttempts: number;
  /** The codes after which it is attempted again. */
  readonly retryable: ReadonlySet<Status>;
  readonly breakerGroup: string;
  /** Whether it may have a fallback. */
  readonly isReadOnlyUnary: boolean;
  /**
   * Completes the message that a caller gave in part. A mutation without a request id gets one, so all attempts of this
   * call are one call to the server.
   */
  readonly complete: (request: object) => object;
}

type RequestType = TsProtoServiceDefinition['methods'][string]['requestType'];

/** Returns the methods of a service by ts-proto's name. */
export function clientMethods(
  contract: ServiceContract<TsProtoServiceDefinition>,
  retry?: RetrySettings,
): ReadonlyMap<string, ClientMethod> {
  const engine = engineMethods(contract.definition);
  const entries = Object.entries(contract.definition.methods).map(([name, { requestType }]) => {
    const engineMethod = engine.get(name);
    const policy = contract.methods[name];
    if (!engineMethod || !policy) throw new Error(`${name} is not in its contract: regenerate the contracts`);
    return [name, clientMethod(engineMethod, requestType, policy, retry)] as const;
  });
  return new Map(entries);
}

function clientMethod(
  engineMethod: EngineMethod<unknown, unknown>,
  requestType: RequestType,
  policy: MethodContract,
  retry: RetrySettings | undefined,
): ClientMethod {
  return {
    engineMethod,
    timeoutMs: policy.timeoutMs,
    maxAttempts: maxAttempts(policy, retry),
    retryable: new Set(policy.retryableCodes.map((code) => Status[code])),
    breakerGroup: policy.breakerGroup,
    isReadOnlyUnary: engineMethod.kind === 'unary' && policy.idempotency === 'no-side-effects',
    complete: completeMessage(requestType, policy),
  };
}

function completeMessage({ fromPartial }: RequestType, { idempotency }: MethodContract) {
  const whole = fromPartial ?? ((request: object) => request);
  if (idempotency === 'no-side-effects' || !('requestId' in whole({}))) return whole;
  return (request: object) => {
    const message = whole(request) as { requestId: string };
    if (!message.requestId) message.requestId = uuidv7();
    return message;
  };
}
