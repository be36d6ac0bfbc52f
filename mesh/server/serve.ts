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
}

/** Binds handlers, in the shape of nice-grpc, to their contract. */
export function serve<Definition extends CompatServiceDefinition>(
  contract: ServiceContract<Definition>,
  handlers: ServiceImplementation<NormalizedServiceDefinition<Definition>, MeshCallContext>,
): ServedContract {
  // From here on the types of single methods do not matter: the contract's own codecs and checks are applied to them.
  return { contract, handlers } as unknown as ServedContract;
}
