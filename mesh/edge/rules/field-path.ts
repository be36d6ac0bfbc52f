import type { DescField, DescMessage } from '@bufbuild/protobuf';

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
    parent = field.fieldKind === 'message' ? field.message : undefined;
  }
  return fields;
}
