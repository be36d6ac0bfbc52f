import { fileURLToPath } from 'node:url';
import { ContractError } from '../../../mesh/contract/contract-error.ts';
import { contractDescriptors, readDeclaredServices, type ServiceDefinition } from '../../../mesh/index.ts';
import { localOpsService as localOps, opsService as ops } from '../../../services/ops/service.ts';

/**
 * Answers operators, and so most commands of `@ordermesh/cli`, for the services of all processes that it finds. Its
 * contracts have to be generated: `ordermesh-generate --ops`.
 */
export const opsService: ServiceDefinition = withContracts(ops);

/** Answers for the services of its process only, to `opsService` in another one: in `always` of `runApp`. */
export const localOpsService: ServiceDefinition = withContracts(localOps);

/** Without them a process would serve methods that neither reflection nor REST knows. */
function withContracts(definition: ServiceDefinition): ServiceDefinition {
  return {
    ...definition,
    async create(...parts) {
      if (!(await readDeclaredServices(contractDescriptors)).includes('ops.v1.StatusService')) {
        const path = fileURLToPath(contractDescriptors);
        throw new ContractError(path, 'has no contracts of ops: run "npx ordermesh-generate --ops" in the project');
      }
      return await definition.create(...parts);
    },
  };
}
