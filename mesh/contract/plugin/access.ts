import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence, isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { propertyName } from './names.ts';
import type { ValueType } from './value.ts';

/** How generated code reads a field of `message` in ts-proto's shape. */
export interface FieldAccess {
  /** The expression for the value. If the field has presence, it is valid only where `present` holds. */
  readonly value: string;
  /** Whether "not set" differs from the zero value. */
  readonly hasPresence: boolean;
  /** The condition for a set field or, without presence, for a value other than zero. */
  readonly present: string;
  readonly absent: string;
}

/** Returns how to read a field, which may be a member of a oneof. */
export function accessField(field: DescField, type: ValueType): FieldAccess {
  if (field.oneof !== undefined) {
    const property = `message.${propertyName(field.oneof)}`;
    const isCase = `${property}?.$case`;
    const name = `'${propertyName(field)}'`;
    const value = `${property}.value`;
    return { value, hasPresence: true, present: `${isCase} === ${name}`, absent: `${isCase} !== ${name}` };
  }
  const value = `message.${propertyName(field)}`;
  if (hasPresence(field)) {
    return { value, hasPresence: true, present: `${value} !== undefined`, absent: `${value} === undefined` };
  }
  return { value, hasPresence: false, ...zeroConditions(type, value) };
}

/** Returns the conditions for a value other than its type's zero value, and for the zero value. */
export function zeroConditions(type: ValueType, value: string): Pick<FieldAccess, 'present' | 'absent'> {
  const [read, zero] = zeroTest(type, value);
  return { present: `${read} !== ${zero}`, absent: `${read} === ${zero}` };
}

function hasPresence(field: DescField): boolean {
  const isSingle = field.fieldKind !== 'list' && field.fieldKind !== 'map';
  const isWrapper = field.message !== undefined && isWrapperDesc(field.message);
  return isSingle && (isWrapper || field.presence !== FeatureSet_FieldPresence.IMPLICIT);
}

function zeroTest(type: ValueType, value: string): [read: string, zero: string] {
  switch (type.kind) {
    case 'scalar':
      return scalarZeroTest(type.scalar, value);
    case 'enum':
      return [value, '0'];
    case 'list':
      return [`${value}.length`, '0'];
    case 'map':
      return [type.size, '0'];
    case 'message':
      return [value, 'undefined'];
  }
}

function scalarZeroTest(scalar: ScalarType, value: string): [read: string, zero: string] {
  switch (scalar) {
    case ScalarType.STRING:
      return [value, "''"];
    case ScalarType.BYTES:
      return [`${value}.length`, '0'];
    case ScalarType.BOOL:
      return [value, 'false'];
    default:
      return [value, isLong(scalar) ? '0n' : '0'];
  }
}

/** Whether ts-proto represents a map as an object, as it does if an object can have its keys. */
export function isMapObject({ mapKey }: DescField & { fieldKind: 'map' }): boolean {
  return mapKey !== ScalarType.BOOL && !isLong(mapKey);
}

/** Returns the expression for the number of entries of a map field of `message`. */
export function mapSize(field: DescField & { fieldKind: 'map' }): string {
  const value = `message.${propertyName(field)}`;
  return isMapObject(field) ? `Object.keys(${value}).length` : `${value}.size`;
}

function isLong(scalar: ScalarType): boolean {
  return [ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64].includes(
    scalar,
  );
}
