import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { hasCustomJsonRepresentation } from '@bufbuild/protobuf/wkt';

/**
 * Returns the fields along a path in the names of the contract: `user.id`. All but the last are messages. `undefined` if
 * the message has no such field.
 */
export function resolveFieldPath(message: DescMessage, path: string): readonly DescField[] | undefined {
  const fields: DescField[] = [];
  let parent: DescMessage | undefined = message;
  for (const name of path.split('.')) {
    const field: DescField | undefined = parent?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) return undefined;
    fields.push(field);
    parent = openMessageOf(field);
  }
  return fields;
}

/**
 * Returns the message whose fields a path can name below this field. Lists and maps have none, and neither has a type that
 * JSON writes as one value, such as `google.protobuf.Timestamp`.
 */
export function openMessageOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind !== 'message' || hasCustomJsonRepresentation(field.message)) return undefined;
  return field.message;
}
