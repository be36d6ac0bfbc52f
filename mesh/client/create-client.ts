import type { Client, CompatServiceDefinition, TsProtoServiceDefinition } from 'nice-grpc';
import type { ServiceContract } from '../contract/contract.ts';
import { bindCall, type Connection } from './calls.ts';
import { clientMethods } from './client-method.ts';
import type { DeadlineOptions } from './policies/deadline.ts';

/** nice-grpc's client, whose calls also take a `deadline`. They reject with CallError, which is a MeshError. */
export type MeshClient<Definition extends CompatServiceDefinition> = Client<Definition, DeadlineOptions>;

/** What a client is made of. */
export interface ClientOptions<Definition extends CompatServiceDefinition> extends Connection {
  readonly contract: ServiceContract<Definition>;
}

/**
 * A client of a service. A call takes over the deadline, the trace and the cancellation of the call that it is made for,
 * and gets a request id; then it is tried through the target's breaker, and again where its contract allows.
 */
export function createClient<Definition extends CompatServiceDefinition>(
  options: ClientOptions<Definition>,
): MeshClient<Definition> {
  // Contracts are generated, with ts-proto's definitions.
  const contract = options.contract as unknown as ServiceContract<TsProtoServiceDefinition>;
  const methods = [...clientMethods(contract)];
  const client = Object.fromEntries(methods.map(([name, method]) => [name, bindCall(method, options)]));
  // Its shape is that of the definition, which a loop over the methods cannot tell the compiler.
  return client as unknown as MeshClient<Definition>;
}
