import type {
  CompatServiceDefinition,
  NormalizedServiceDefinition,
  ServiceImplementation,
  TsProtoServiceDefinition,
} from 'nice-grpc';
import type { MethodContract, ServiceContract } from '../contract/contract.ts';
import type { Idempotency } from '../idempotency/idempotency.ts';
import type { OperatorActions } from '../operator-actions/operator-actions.ts';
import { thirdPartyAccess } from '../security/authorization/third-party.ts';
import type { MeshCallContext } from './call-context.ts';

/** A contract with its handlers, ready to be served. Made by `serve`. */
export interface ServedContract {
  readonly contract: ServiceContract<TsProtoServiceDefinition>;
  readonly handlers: Readonly<Record<string, (request: never, context: MeshCallContext) => unknown>>;
  /**
   * Runs the `once` of the handlers. Required if the contract has a method that is idempotent by `request_id`, unless its
   * handlers deal with the `request_id` themselves: `by-handler`, without `once`.
   */
  readonly idempotency?: Idempotency | 'by-handler';
  /**
   * By method, the fields of the request that are no part of the payload of its `request_id`: those that an earlier
   * version did not have, so that a call which is repeated across an update is still the same call. Default: none.
   */
  readonly outsidePayload?: Readonly<Record<string, readonly string[]>>;
  /** Where the changes of operators are recorded. Default: in the log only. */
  readonly actions?: OperatorActions | undefined;
  /**
   * Resolves while this contract can be served; rejects with what is wrong, which shows in the health of this contract
   * alone. For one that can fail while the rest of its service works, such as a read model that lags.
   */
  check?(): Promise<void>;
}

export type ServeOptions = Pick<ServedContract, 'idempotency' | 'outsidePayload' | 'check'>;

/** Binds handlers to their contract. Their type is generated next to it: `UserServiceHandlers`. */
export function serve<Definition extends CompatServiceDefinition, Handlers>(
  contract: ServiceContract<Definition, Handlers>,
  handlers: NoInfer<Handlers>,
  options: ServeOptions = {},
): ServedContract {
  // From here on the types of single methods do not matter: the contract's own codecs and checks are applied to them.
  return { contract, handlers, ...options } as unknown as ServedContract;
}

/** Whether the contract has a method whose handler gets `once`. */
export function needsIdempotency({ contract }: Pick<ServedContract, 'contract'>): boolean {
  return Object.values(contract.methods).some(({ idempotency }) => idempotency === 'by-request-id');
}

const method: MethodContract = {
  validate: () => [],
  timeoutMs: undefined,
  idempotency: 'no-side-effects',
  maxAttempts: 1,
  retryableCodes: [],
  breakerGroup: 'queries',
  priority: 'critical',
};

/** The contract of a service that gRPC itself defines, such as health, whose proto has no policy. */
export function infrastructureContract<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
): ServiceContract<Definition, ServiceImplementation<NormalizedServiceDefinition<Definition>, MeshCallContext>> {
  const withAccess = (key: string): MethodContract => {
    const access = thirdPartyAccess(definition.fullName, key);
    return access === undefined ? method : { ...method, access };
  };
  const methods = Object.fromEntries(Object.keys(definition.methods).map((key) => [key, withAccess(key)]));
  // The keys are those of the definition, which Object.fromEntries cannot express.
  return { definition, methods: methods as unknown as ServiceContract<Definition>['methods'] };
}
