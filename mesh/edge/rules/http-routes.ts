import {
  type DescExtension,
  type DescField,
  type DescMethod,
  type FileRegistry,
  getExtension,
  hasExtension,
  type Message,
} from '@bufbuild/protobuf';
import { invalidHttpRule } from './errors.ts';
import { resolveFieldPath } from './field-path.ts';
import { type PathTemplate, PathTemplateError, parsePathTemplate } from './path-template.ts';

/** One way to call a method over HTTP: a `google.api.http` rule or one of its additional bindings. */
export interface HttpRoute {
  readonly method: DescMethod;
  /** The HTTP method: `GET`, `POST`, or that of a custom rule. */
  readonly verb: string;
  readonly template: PathTemplate;
  /** `*`: the body is the request. A field: the body is its value. `undefined`: a request has no body. */
  readonly body: '*' | DescField | undefined;
  /** The field of the response that is the answer. `undefined`: the whole response. */
  readonly responseBody: DescField | undefined;
}

/** `google.api.HttpRule`, as a descriptor set that has its contract decodes it. */
interface HttpRule extends Message {
  readonly pattern:
    | { readonly case: 'get' | 'put' | 'post' | 'delete' | 'patch'; readonly value: string }
    | { readonly case: 'custom'; readonly value: { readonly kind: string; readonly path: string } }
    | { readonly case: undefined };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly HttpRule[];
}

/** An HTTP method is a token of RFC 9110. Ours are in upper case, as all registered ones. */
const verbPattern = /^[A-Z][A-Z0-9_-]*$/;

/**
 * Returns the routes of all methods with a `google.api.http` rule, in the order of the contracts. Throws
 * FAILED_PRECONDITION `INVALID_HTTP_RULE` for a rule that cannot be served.
 */
export function readHttpRoutes(registry: FileRegistry): readonly HttpRoute[] {
  const annotation = registry.getExtension('google.api.http');
  if (annotation === undefined) return [];
  const services = [...registry].filter((type) => type.kind === 'service');
  return services.flatMap(({ methods }) => methods.flatMap((method) => readMethodRoutes(method, annotation)));
}

function readMethodRoutes(method: DescMethod, annotation: DescExtension): HttpRoute[] {
  const { options } = method.proto;
  if (options === undefined || !hasExtension(options, annotation)) return [];
  const rule = getExtension(options, annotation) as HttpRule;
  if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') {
    throw unservable(method, 'its requests are a stream, which HTTP with JSON does not have');
  }
  const nested = rule.additionalBindings.find(({ additionalBindings }) => additionalBindings.length > 0);
  if (nested !== undefined) throw unservable(method, 'an additional binding cannot have additional bindings');
  return [rule, ...rule.additionalBindings].map((binding) => readRoute(method, binding));
}

function readRoute(method: DescMethod, rule: HttpRule): HttpRoute {
  const { verb, path } = readPattern(method, rule);
  const template = readTemplate(method, path);
  const body = rule.body === '*' || rule.body === '' ? rule.body || undefined : readBodyField(method, rule.body);
  if (body !== undefined && (verb === 'GET' || verb === 'HEAD' || verb === 'DELETE')) {
    throw unservable(method, `a ${verb} request has no body`);
  }
  if (typeof body === 'object') checkBodyIsFree(method, template, body);
  return { method, verb, template, body, responseBody: readResponseBody(method, rule.responseBody) };
}

function readPattern(method: DescMethod, { pattern }: HttpRule): { verb: string; path: string } {
  if (pattern.case === undefined) throw unservable(method, 'it has no path');
  if (pattern.case !== 'custom') return { verb: pattern.case.toUpperCase(), path: pattern.value };
  const { kind, path } = pattern.value;
  if (kind === '*') throw unservable(method, 'the kind * (any HTTP method) is not supported: name the method');
  if (!verbPattern.test(kind)) throw unservable(method, `"${kind}" is not an HTTP method in upper case`);
  return { verb: kind, path };
}

function readTemplate(method: DescMethod, path: string): PathTemplate {
  const template = parseTemplate(method, path);
  const paths = template.variables.map(({ fieldPath }) => fieldPath);
  for (const fieldPath of paths) {
    const fields = resolveFieldPath(method.input, fieldPath);
    if (fields === undefined) throw unservable(method, `${method.input.typeName} has no field ${fieldPath}`);
    const kind = fields.at(-1)?.fieldKind;
    if (kind !== 'scalar' && kind !== 'enum') {
      throw unservable(method, `the path binds ${fieldPath}, which is not a single scalar or enum value`);
    }
  }
  return template;
}

function parseTemplate(method: DescMethod, path: string): PathTemplate {
  try {
    return parsePathTemplate(path);
  } catch (error) {
    if (error instanceof PathTemplateError) throw unservable(method, error.message);
    throw error;
  }
}

function readBodyField(method: DescMethod, name: string): DescField {
  const field = method.input.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw unservable(method, `${method.input.typeName} has no field ${name} for the body`);
  return field;
}

function checkBodyIsFree(method: DescMethod, template: PathTemplate, body: DescField): void {
  const isBound = template.variables.some(({ fieldPath }) => fieldPath === body.name);
  if (isBound) throw unservable(method, `the field ${body.name} is bound by both the path and the body`);
}

function readResponseBody(method: DescMethod, name: string): DescField | undefined {
  if (name === '') return undefined;
  const field = method.output.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw unservable(method, `${method.output.typeName} has no field ${name} for the answer`);
  return field;
}

function unservable(method: DescMethod, problem: string): Error {
  return invalidHttpRule({ method: `${method.parent.typeName}.${method.name}`, problem });
}
