import type { DescField, DescMessage } from '@bufbuild/protobuf';

const names = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** Returns the fields of a message by their names in the contract and in JSON: `unit_price` and `unitPrice`. */
export function fieldsByName(type: DescMessage): ReadonlyMap<string, DescField> {
  const known = names.get(type);
  if (known !== undefined) return known;
  const fields = new Map(
    type.fields.flatMap((field) => [[field.jsonName, field] as const, [field.name, field] as const]),
  );
  names.set(type, fields);
  return fields;
}
