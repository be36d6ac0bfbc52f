import { type DescField, type DescMessage, type DescOneof, getOption } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { oneof as oneofOption } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { commentOf } from '../comments.ts';
import type { Schema } from '../document.ts';
import { fieldSchema, isOutputOnly, type SchemaRefs, type View } from './field-schema.ts';

/** What is special about the schema of a message in one place. */
export interface Shape {
  /** Fields that it does not have there, because they are in the path or in headers. */
  readonly without?: ReadonlySet<DescField>;
  /** Fields that the path gives. They are needless in the message, and must not differ. */
  readonly given?: ReadonlySet<DescField>;
}

/** Returns the schema of a message that has no JSON form of its own. */
export function messageSchema(message: DescMessage, view: View, refs: SchemaRefs, shape: Shape = {}): Schema {
  const fields = message.fields.filter((field) => !shape.without?.has(field));
  const required = presentFields(message, view, refs).filter(
    (field) => fields.includes(field) && !shape.given?.has(field),
  );
  const choices = message.oneofs
    .map((oneof) => oneofSchema(oneof, view, shape))
    .filter((schema) => schema !== undefined);
  const description = commentOf(message);
  return {
    ...(description && { description }),
    type: 'object',
    properties: Object.fromEntries(
      fields.map((field) => [
        field.jsonName,
        { ...fieldSchema(field, view, refs), ...(shape.given?.has(field) && { readOnly: true }) },
      ]),
    ),
    ...(required.length > 0 && { required: required.map(({ jsonName }) => jsonName) }),
    // A caller's unknown field is refused. A newer server may answer with more fields than this contract has.
    ...(view === 'request' && { additionalProperties: false }),
    ...(choices.length > 0 && { allOf: choices }),
  };
}

/** The fields that are always in a response, or that a request has to have. */
function presentFields(message: DescMessage, view: View, { registry, required }: SchemaRefs): DescField[] {
  if (view === 'request') {
    return message.fields.filter((field) => required(message).has(field) && !isOutputOnly(field, registry));
  }
  return message.fields.filter(
    (field) => field.oneof === undefined && field.presence === FeatureSet_FieldPresence.IMPLICIT,
  );
}

/** At most one field of a oneof, or exactly one. It has none of them where one is elsewhere. */
function oneofSchema(oneof: DescOneof, view: View, { without }: Shape): Schema | undefined {
  const members = oneof.fields.filter((field) => !without?.has(field));
  if (members.length < oneof.fields.length) return { not: anyPresent(members) };
  const alone = members.map(({ jsonName }) => ({ required: [jsonName] }));
  if (view === 'request' && getOption(oneof, oneofOption).required) return { oneOf: alone };
  return members.length === 1 ? undefined : { oneOf: [...alone, { not: anyPresent(members) }] };
}

function anyPresent(fields: readonly DescField[]): Schema {
  return { anyOf: fields.map(({ jsonName }) => ({ required: [jsonName] })) };
}
