import type { CompatServiceDefinition, TsProtoServiceDefinition } from 'nice-grpc';
import type { ServiceContract } from './contract.ts';

/** The full name of a contract's service: `user.v1.UserService`. Contracts are generated, with ts-proto's definitions. */
export function fullNameOf<Definition extends CompatServiceDefinition>(contract: ServiceContract<Definition>): string {
  return (contract.definition as unknown as TsProtoServiceDefinition).fullName;
}
