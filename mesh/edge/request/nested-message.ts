import { create, type DescField, type Message } from '@bufbuild/protobuf';
import type { Faults } from '../json/faults.ts';
import { getLocal, otherMember, setLocal } from '../json/local-values.ts';

/**
 * Returns the message that has the last of these fields, created where it is not set yet. `undefined` after a fault: a
 * message on the way belongs to a oneof with another member set.
 */
export function openParent(message: Message, path: readonly DescField[], faults: Faults): Message | undefined {
  let parent = message;
  for (const field of path.slice(0, -1)) {
    const other = otherMember(parent, field);
    if (other !== undefined) {
      faults.add(namesOf(path), `cannot be set together with ${other}`);
      return undefined;
    }
    parent = openMessage(parent, field);
  }
  return parent;
}

function openMessage(parent: Message, field: DescField): Message {
  const known = getLocal(parent, field) as Message | undefined;
  if (known !== undefined) return known;
  if (field.message === undefined) throw new Error(`${field} is not a message`);
  const created = create(field.message);
  setLocal(parent, field, created);
  return created;
}

/** Returns a field path as in the contract: `user.id`. */
export function namesOf(path: readonly DescField[]): string {
  return path.map(({ name }) => name).join('.');
}
