import { readFile } from 'node:fs/promises';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { contractDescriptors } from '../../../mesh/contract/declared-services.ts';
import { accessOf } from '../../../mesh/contract/policy/access.ts';

/** Which services the methods of a contract admit. */
export interface AccessRule {
  /** `user.v1.UserService` */
  readonly contract: string;
  /** What discovery calls the service that has it: `user`. */
  readonly service: string;
  /** The services that its methods name, of which `*` is each. */
  readonly admits: ReadonlySet<string>;
}

/** Returns the rules of all contracts of the mesh, from their `access` in `mesh.v1.policy`. */
export async function readAccessRules(): Promise<AccessRule[]> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors)));
  const rules: AccessRule[] = [];
  for (const type of registry) {
    if (type.kind !== 'service' || type.file.proto.package.startsWith('grpc.')) continue;
    const admits = type.methods.flatMap((method) => accessOf(method, registry)?.services ?? []);
    const [service = ''] = type.typeName.split('.');
    rules.push({ contract: type.typeName, service, admits: new Set(admits) });
  }
  return rules;
}
