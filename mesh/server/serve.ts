import type {
  CompatServiceDefinition,
  NormalizedServiceDefinition,
  ServiceImplementation,
  TsProtoServiceDefinition,
} from 'nice-grpc';
import type { ServiceContract } from '../contract/contract.ts';
import type { MeshCallContext } from './call-context.ts';

/** A contract with its handlers, ready to be served. Made by `serve`. */
export interface ServedContract {
  readonly contract: ServiceContract<TsProtoServiceDefinition>;
  readonly handlers: Readonly<Record<string, (request: never, context: MeshCallContext) => unknown>>;
  /**
   * Resolves while this contract can be served; rejects with what is wrong, which shows in the health of this contract
   * alone. For one that can fail while the rest of its service works, as a read model that is behind.
   */
  check?(): Promise<void>;
}

export type ServeOptions = Pick<ServedContract, 'check'>;

/** Binds handlers, in the shape of nice-grpc, to their contract. */
export function serve<Definition extends CompatServiceDefinition>(
  contract: ServiceContract<Definition>,
  handlers: ServiceImplementation<NormalizedServiceDefinition<Definition>, MeshCallContext>,
  options: ServeOptions = {},
): ServedContract {
  // From here on the types of single methods do not matter: the contract's own codecs and checks are applied to them.
  return { contract, handlers, ...options } as unknown as ServedContract;
}
