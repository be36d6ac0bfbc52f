import {
  create,
  type DescExtension,
  type DescField,
  type DescMessage,
  type FileRegistry,
  getExtension,
  hasExtension,
  type Message,
} from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { type JsonNode, JsonObject } from '../../json/json-node.ts';
import { fieldsByName } from '../json/field-names.ts';
import { getLocal, setLocal } from '../json/local-values.ts';
import { openMessageOf } from '../rules/field-path.ts';
import type { HttpRoute } from '../rules/http-routes.ts';

/** Sets the field mask of an update that came without one. */
export type MaskFiller = (message: Message, body: JsonNode | undefined) => void;

/** `google.api.FieldBehavior.OUTPUT_ONLY` and `IDENTIFIER`: what a caller sends back without changing it. */
const notUpdated: ReadonlySet<number> = new Set([3, 8]);

/**
 * Compiles how a PATCH whose body is one resource gets its mask: the fields that the body has, down to the leaves. Lists, maps
 * and null stand for the whole field. Left out is what no update sets: OUTPUT_ONLY fields, what the path gives, and the
 * `etag` of the resource, which is a condition (AIP-154). So what GET returned can be changed and sent back.
 * `undefined`: the route has no such mask.
 */
export function compileMaskFiller(route: HttpRoute, registry: FileRegistry): MaskFiller | undefined {
  const { verb, method, body, template } = route;
  if (verb !== 'PATCH' || typeof body !== 'object' || body.fieldKind !== 'message') return undefined;
  const [mask, another] = method.input.fields.filter(isMask);
  if (mask === undefined || another !== undefined) return undefined;
  const behavior = registry.getExtension('google.api.field_behavior');
  const left = new Set([`${body.name}.etag`, ...template.variables.map(({ fieldPath }) => fieldPath)]);
  const isUpdated = (field: DescField, path: string) =>
    !left.has(`${body.name}.${path}`) && !isNotUpdated(field, behavior);
  return (message, node) => {
    if (node === undefined || getLocal(message, mask) !== undefined) return;
    const paths = [...leafPaths(node, body.message, '', isUpdated)];
    setLocal(message, mask, create(FieldMaskSchema, { paths }));
  };
}

function isMask({ fieldKind, message }: DescField): boolean {
  return fieldKind === 'message' && message?.typeName === 'google.protobuf.FieldMask';
}

function isNotUpdated({ proto: { options } }: DescField, behavior: DescExtension | undefined): boolean {
  if (options === undefined || behavior === undefined || !hasExtension(options, behavior)) return false;
  return (getExtension(options, behavior) as number[]).some((value) => notUpdated.has(value));
}

function* leafPaths(
  node: JsonNode,
  type: DescMessage,
  prefix: string,
  isUpdated: (field: DescField, path: string) => boolean,
): Generator<string> {
  if (!(node instanceof JsonObject)) return;
  for (const [index, key] of node.keys.entries()) {
    const field = fieldsByName(type).get(key);
    const value = node.values[index] ?? null;
    const path = field && prefix + field.name;
    if (path === undefined || field === undefined || !isUpdated(field, path)) continue;
    const nested = openMessageOf(field);
    if (nested !== undefined && value instanceof JsonObject) yield* leafPaths(value, nested, `${path}.`, isUpdated);
    else yield path;
  }
}
