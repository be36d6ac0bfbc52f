import type { Service } from '#mesh';
import { unknownOwner } from '../errors.ts';
import type { OpsPart } from '../ops-part.ts';

/** Knows the ids under which the services of this process charge and reserve. */
export function localOwners(services: readonly Service[]): Pick<OpsPart, 'listOwners' | 'filterOwnIds'> {
  return {
    listOwners: async () => services.flatMap(({ name, ownIds }) => (ownIds ? [name] : [])),

    async filterOwnIds(owner, ids) {
      const ownIds = services.find(({ name }) => name === owner)?.ownIds;
      if (!ownIds) throw unknownOwner({ owner });
      return [...(await ownIds(ids))];
    },
  };
}
