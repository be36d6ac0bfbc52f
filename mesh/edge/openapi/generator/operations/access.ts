import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { accessOf, type Owner } from '../../../../contract/policy/access.ts';
import type { DocumentedAccess } from '../document.ts';

/** Returns who may call a method, as `x-access` has it; undefined if its contract does not say so. */
export function documentedAccess(method: DescMethod, registry: Registry): DocumentedAccess | undefined {
  const access = accessOf(method, registry);
  if (access === undefined) return undefined;
  const { anyone, services, roles, owner } = access;
  return {
    ...(anyone && { anyone }),
    ...(services.length > 0 && { services }),
    ...(roles.length > 0 && { roles }),
    ...(owner && { owner: documentedOwner(owner) }),
  };
}

function documentedOwner(owner: Owner): NonNullable<DocumentedAccess['owner']> {
  if (owner.in === 'handler') return { checkedByHandler: true };
  const path = owner.fields.map(({ name }) => name).join('.');
  return owner.in === 'request' ? { requestField: path } : { responseField: path };
}
