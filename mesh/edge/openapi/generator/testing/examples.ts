import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { isEmail, isHostname, isIpv4, isIpv6, isUuid } from '../../../../contract/formats.ts';
import { isUri, isUriReference } from '../../../../contract/uri.ts';
import type { OpenApiDocument } from '../document.ts';

const timestamp = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Compiles the schema at a JSON pointer of a document: `#/components/schemas/user.v1.User`. */
export type SchemaCompiler = (pointer: string) => ValidateFunction;

/** Creates a compiler of the schemas of a document. They may refer to each other. */
export function createSchemaCompiler(document: OpenApiDocument): SchemaCompiler {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    validateSchema: true,
    formats: {
      byte: base64,
      'date-time': timestamp,
      double: true,
      email: isEmail,
      float: true,
      hostname: isHostname,
      int32: true,
      int64: true,
      ipv4: isIpv4,
      ipv6: isIpv6,
      uint32: true,
      uint64: true,
      uri: isUri,
      'uri-reference': isUriReference,
      uuid: isUuid,
    },
  });
  // The keywords of OpenAPI around the schemas are none of JSON Schema.
  ajv.addVocabulary(Object.keys(document));
  ajv.addSchema({ $id: 'openapi:', ...document });
  return (pointer) => ajv.compile({ $ref: `openapi:${pointer}` });
}

/** An example in a document, and the JSON pointer of the schema that it is an example of. */
export interface FoundExample {
  readonly schema: string;
  readonly example: unknown;
}

/** Finds the examples of all schemas, parameters and bodies. */
export function findExamples(node: unknown, pointer = '#'): FoundExample[] {
  if (typeof node !== 'object' || node === null) return [];
  const { examples, example, schema } = node as { examples?: unknown; example?: unknown; schema?: unknown };
  const own = Array.isArray(examples) ? examples.map((each) => ({ schema: pointer, example: each })) : [];
  const besideSchema = schema !== undefined && example !== undefined ? [{ schema: `${pointer}/schema`, example }] : [];
  const children = Object.entries(node).filter(([key]) => key !== 'examples' && key !== 'example');
  return [
    ...own,
    ...besideSchema,
    ...children.flatMap(([key, child]) => findExamples(child, `${pointer}/${escapeKey(key)}`)),
  ];
}

/** Finds all references in a document. */
export function findRefs(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = '$ref' in node && typeof node.$ref === 'string' ? [node.$ref] : [];
  return [...own, ...Object.values(node).flatMap(findRefs)];
}

/** Returns what a JSON pointer points to. */
export function resolvePointer(document: unknown, pointer: string): unknown {
  const keys = pointer
    .replace(/^#\//, '')
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
}

function escapeKey(key: string): string {
  // Part of a URI fragment too, so a path template is escaped.
  return encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));
}
