import { type DescField, type DescMessage, type DescMethod, type Registry, ScalarType } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { isDoor } from '../../identity/doors.ts';
import { ContractError } from '../contract-error.ts';
import { type DeclaredOwner, declaredPolicy } from './policy.ts';

/** Who may call a method. */
export interface Access {
  readonly anyone: boolean;
  readonly services: readonly string[];
  readonly roles: readonly string[];
  readonly owner: Owner | undefined;
}

/** Where the owner of a resource stands, by the fields that lead there. */
export type Owner =
  | { readonly in: 'request' | 'response'; readonly fields: readonly DescField[] }
  | { readonly in: 'handler' };

const any = '*';

/**
 * Returns who may call a method; undefined if neither it nor its service says so. Throws a {@link ContractError} if the
 * rule is contradictory, or names a field that does not exist or is not a string.
 */
export function accessOf(method: DescMethod, registry: Registry): Access | undefined {
  const { access } = declaredPolicy(method, registry);
  if (access === undefined) return undefined;
  const { anyone, services, roles } = access;
  for (const name of services) requireName(method, 'services', name);
  for (const role of roles) requireName(method, 'roles', role);
  // A rule that names one would be for everyone.
  const door = services.find(isDoor);
  if (door !== undefined) {
    throw fault(method, `policy.access.services has ${door}, which passes on calls of all users: name their roles`);
  }
  if (anyone && (services.length > 0 || roles.length > 0 || access.owner)) {
    throw fault(method, 'policy.access is for anyone, so its other rules mean nothing: remove them');
  }
  if (roles.includes(any) && (roles.length > 1 || access.owner)) {
    throw fault(method, 'policy.access is for each user, so other roles and owner mean nothing: remove them');
  }
  const owner = access.owner && ownerOf(method, access.owner);
  if (anyone || services.length > 0 || roles.length > 0 || owner) return { anyone, services, roles, owner };
  throw fault(method, 'policy.access is empty: say who may call it');
}

function requireName(method: DescMethod, list: string, name: string): void {
  if (name === any || /^[a-z][a-z0-9-]*$/.test(name)) return;
  throw fault(
    method,
    `policy.access.${list} has ${JSON.stringify(name)}: use lowercase letters, digits and dashes, or "*"`,
  );
}

function ownerOf(method: DescMethod, { place }: DeclaredOwner): Owner {
  switch (place.case) {
    case 'requestField':
      if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') {
        throw fault(method, 'policy.access.owner.request_field is not for streams of requests: use checked_by_handler');
      }
      return { in: 'request', fields: fieldsOf(method, 'request_field', method.input, place.value) };
    case 'responseField':
      if (method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) {
        throw fault(method, 'policy.access.owner.response_field is checked after the change: use checked_by_handler');
      }
      return { in: 'response', fields: fieldsOf(method, 'response_field', method.output, place.value) };
    case 'checkedByHandler':
      if (place.value) return { in: 'handler' };
      throw fault(method, 'policy.access.owner.checked_by_handler is false: remove the owner');
    case undefined:
      throw fault(method, 'policy.access.owner is empty: set one of its fields');
  }
}

/** The fields of a path such as `order.user_id`. */
function fieldsOf(method: DescMethod, setting: string, message: DescMessage, path: string): readonly DescField[] {
  const where = `policy.access.owner.${setting} is ${JSON.stringify(path)}`;
  const names = path.split('.');
  const fields: DescField[] = [];
  let within: DescMessage | undefined = message;
  for (const name of names) {
    const field: DescField | undefined = within?.fields.find((each) => each.name === name);
    if (field === undefined) throw fault(method, `${where}: ${within?.typeName ?? 'a scalar'} has no field ${name}`);
    if (field.oneof !== undefined && !field.proto.proto3Optional) {
      throw fault(method, `${where}: ${name} is one of several; name a field that each message has`);
    }
    fields.push(field);
    within = field.fieldKind === 'message' ? field.message : undefined;
  }
  const last = fields.at(-1);
  if (last?.fieldKind === 'scalar' && last.scalar === ScalarType.STRING) return fields;
  throw fault(method, `${where}: name a field with one string`);
}

function fault(method: DescMethod, problem: string): ContractError {
  return new ContractError(`${method.parent.file.name}.proto: ${method.parent.typeName}.${method.name}`, problem);
}
