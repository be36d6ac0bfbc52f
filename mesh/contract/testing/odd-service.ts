import { createFileRegistry, type DescService, type FileRegistry } from '@bufbuild/protobuf';
import { afterAll, beforeAll } from 'vitest';
import { createProtoWorkspace, type ProtoWorkspace } from './proto-workspace.ts';

/** A service `odd.v1.Odd`, and the contracts that it is in. */
export interface OddService {
  readonly service: DescService;
  readonly registry: FileRegistry;
}

/** Returns what compiles a service `Odd` with these options and methods, for the tests of a file. */
export function oddServices(): (content: string) => Promise<OddService> {
  let workspace: ProtoWorkspace;
  beforeAll(async () => {
    workspace = await createProtoWorkspace();
  });
  afterAll(() => workspace.remove());

  return async (content) => {
    await workspace.write(
      'odd/v1/odd.proto',
      `syntax = "proto3"; package odd.v1; import "mesh/v1/policy.proto"; message M {} service Odd { ${content} }`,
    );
    const registry = createFileRegistry(await workspace.build());
    const service = registry.getService('odd.v1.Odd');
    if (service === undefined) throw new Error('Odd was not compiled');
    return { service, registry };
  };
}
