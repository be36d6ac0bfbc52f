import { type DescField, type DescMethod, type Registry, ScalarType } from '@bufbuild/protobuf';
import { ContractError } from '../contract-error.ts';
import { ownPolicy } from './policy.ts';

/** How a stream continues after what its caller has received. */
export interface Resume {
  /** The field of the request that says where to continue. */
  readonly after: DescField & { readonly fieldKind: 'scalar' };
  /** The field of the messages with the value for `after`. */
  readonly cursor: DescField & { readonly fieldKind: 'scalar' };
  /** The field with the maximum number of messages, if the request has one. */
  readonly limit: (DescField & { readonly fieldKind: 'scalar' }) | undefined;
}

const types: ReadonlySet<ScalarType> = new Set([
  ScalarType.STRING,
  ScalarType.INT32,
  ScalarType.INT64,
  ScalarType.UINT64,
]);

/**
 * Returns how the streams of a method are resumed; undefined if they start over. Throws a {@link ContractError} if the
 * method is not server-streaming, or if the declared fields do not exist or have other types.
 */
export function resumeOf(method: DescMethod, registry: Registry): Resume | undefined {
  const { resume } = ownPolicy(method, registry);
  if (resume === undefined) return undefined;
  if (method.methodKind !== 'server_streaming') {
    throw fault(method, 'policy.resume is for server-streaming methods: remove it');
  }
  const after = scalarField(method, 'request_field', method.input.fields, resume.requestField);
  const messageFields = method.output.fields.filter(({ oneof }) => oneof === undefined);
  const cursor = scalarField(method, 'response_field', messageFields, resume.responseField);
  if (after.scalar !== cursor.scalar || !types.has(after.scalar)) {
    const names = `${after.name} and ${cursor.name}`;
    throw fault(method, `policy.resume has ${names}: use two of string, int32, int64 or uint64`);
  }
  const limit = method.input.fields.find(({ name }) => name === 'limit');
  return { after, cursor, limit: limit && isScalar(limit) && limit.scalar === ScalarType.INT32 ? limit : undefined };
}

function scalarField(method: DescMethod, setting: string, fields: readonly DescField[], name: string) {
  const field = fields.find((each) => each.name === name);
  if (field && isScalar(field)) return field;
  throw fault(method, `policy.resume.${setting} is ${JSON.stringify(name)}: name a field with one value`);
}

function isScalar(field: DescField): field is DescField & { readonly fieldKind: 'scalar' } {
  return field.fieldKind === 'scalar';
}

function fault(method: DescMethod, problem: string): ContractError {
  return new ContractError(`${method.parent.file.name}.proto: ${method.parent.typeName}.${method.name}`, problem);
}
