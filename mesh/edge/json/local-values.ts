import type { DescField, Message } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';

/** A message as @bufbuild/protobuf keeps it: a property for each field, one with `case` and `value` for each oneof. */
export type LocalMessage = Message & Record<string, unknown>;

interface LocalOneof {
  readonly case: string | undefined;
  readonly value?: unknown;
}

/** Returns the value of a field; `undefined` if it has presence and is not set. */
export function getLocal(message: Message, field: DescField): unknown {
  const local = message as LocalMessage;
  if (field.oneof === undefined) return local[field.localName];
  const member = local[field.oneof.localName] as LocalOneof;
  return member.case === field.localName ? member.value : undefined;
}

/** Sets a field; in a oneof, instead of the member that was set. */
export function setLocal(message: Message, field: DescField, value: unknown): void {
  const local = message as LocalMessage;
  if (field.oneof === undefined) local[field.localName] = value;
  else local[field.oneof.localName] = { case: field.localName, value } satisfies LocalOneof;
}

/** Returns the name of the member of this field's oneof that is set, if it is another. */
export function otherMember(message: Message, { oneof, localName }: DescField): string | undefined {
  if (oneof === undefined) return undefined;
  const set = ((message as LocalMessage)[oneof.localName] as LocalOneof).case;
  if (set === undefined || set === localName) return undefined;
  return oneof.fields.find((field) => field.localName === set)?.name;
}

/** Whether a field keeps the value of its wrapper type (`google.protobuf.StringValue`) without the wrapper. */
export function isUnwrapped(field: DescField): boolean {
  return field.fieldKind === 'message' && field.oneof === undefined && isWrapperDesc(field.message);
}

/** Whether a field keeps a `google.protobuf.Struct` as a plain object. */
export function isPlainStruct({ message, parent }: DescField): boolean {
  return message?.typeName === 'google.protobuf.Struct' && parent?.typeName !== 'google.protobuf.Value';
}
