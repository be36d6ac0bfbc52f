import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { type Access, accessOf, type Owner } from '../../mesh/contract/policy/access.ts';

export const accessColumns = ['method', 'without a token', 'user', 'owner', 'operator', 'admin', 'services'];

/** A row of the table of methods and callers. */
export function accessRow(method: DescMethod, registry: Registry): string[] {
  const access = accessOf(method, registry);
  const may = (isAllowed: boolean) => (isAllowed ? 'yes' : '');
  const isFor = (role: string) => access !== undefined && (access.anyone || hasRole(access, role));
  return [
    `\`${method.name}\``,
    may(access?.anyone === true),
    may(isFor('*')),
    access?.owner === undefined ? may(isFor('*')) : `yes: ${describeOwner(access.owner)}`,
    may(isFor('operator')),
    may(isFor('admin')),
    describeServices(access),
  ];
}

/** Who may call a method, in a few words: `user_id`, roles admin, operator, services gift, order. */
export function describeAccess(method: DescMethod, registry: Registry): string {
  const access = accessOf(method, registry);
  if (access === undefined) return 'nobody';
  const { anyone, services, roles, owner } = access;
  if (anyone) return 'anyone';
  return [
    ...(owner ? ['the owner'] : []),
    ...roles.map((role) => (role === '*' ? 'each user' : role)),
    ...services.map((name) => (name === '*' ? 'each service' : `service ${name}`)),
  ].join(', ');
}

function hasRole({ roles }: Access, role: string): boolean {
  return roles.includes('*') || roles.includes(role);
}

function describeOwner(owner: Owner): string {
  if (owner.in === 'handler') return 'checked in the transaction';
  return `\`${owner.fields.map(({ name }) => name).join('.')}\` of the ${owner.in}`;
}

function describeServices(access: Access | undefined): string {
  if (access === undefined) return '';
  const isForAll = access.anyone || access.services.includes('*');
  return isForAll ? 'all' : access.services.map((name) => `\`${name}\``).join(', ');
}
