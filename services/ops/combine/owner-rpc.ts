import type { OwnerServiceHandlers } from '#gen/ops/v1/owner.contract.ts';
import type { ViewOf } from './mesh-view.ts';

/** Implements `ops.v1.OwnerService`. A service is asked in one of its processes. */
export function createOwnerRpc(viewOf: ViewOf): OwnerServiceHandlers {
  return {
    async listOwners(_request, call) {
      const lists = await viewOf(call).all((part) => part.listOwners(call));
      return { owners: [...new Set(lists.flatMap(({ answer }) => answer))].toSorted() };
    },

    async filterOwnIds({ owner, ids }, call) {
      return { ids: (await viewOf(call).find((part) => part.filterOwnIds(owner, ids, call))).answer };
    },
  };
}
