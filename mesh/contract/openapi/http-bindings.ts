import { type DescMethod, getOption, hasOption, type Registry } from '@bufbuild/protobuf';
import { GenerationError } from '../plugin/generation-error.ts';
import { type Verb, verbs } from './document.ts';

/** A way to call a method by HTTP: its `google.api.http` option, or one of its `additional_bindings`. */
export interface HttpBinding {
  readonly method: DescMethod;
  readonly verb: Verb;
  /** The path template: `/api/users/{user.id}`. */
  readonly template: string;
  /** The field of the request that is the body, `*` for all fields that are not in the path, empty for no body. */
  readonly body: string;
  /** The field of the response that is the body; empty: the response. */
  readonly responseBody: string;
}

/** A `google.api.HttpRule`, whose type is known from the contract alone. */
interface HttpRule {
  readonly pattern:
    | { readonly case: 'get' | 'put' | 'post' | 'delete' | 'patch'; readonly value: string }
    | { readonly case: 'custom'; readonly value: { readonly kind: string; readonly path: string } }
    | { readonly case: undefined };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly HttpRule[];
}

/** Returns the bindings of a method, the main one first. Methods without a `google.api.http` have none. */
export function httpBindings(method: DescMethod, registry: Registry): HttpBinding[] {
  const extension = registry.getExtension('google.api.http');
  if (extension === undefined || !hasOption(method, extension)) return [];
  const rule = getOption(method, extension) as HttpRule;
  return [rule, ...rule.additionalBindings].map((each) => bindingOf(each, method));
}

function bindingOf({ pattern, body, responseBody }: HttpRule, method: DescMethod): HttpBinding {
  const where = `${method.parent.typeName}.${method.name}`;
  if (pattern.case === undefined) throw new GenerationError(where, 'a google.api.http rule has no path');
  if (pattern.case !== 'custom') return { method, verb: pattern.case, template: pattern.value, body, responseBody };
  const verb = verbs.find((each) => each === pattern.value.kind.toLowerCase());
  if (verb === undefined) {
    throw new GenerationError(where, `OpenAPI 3.1 has no operation for the HTTP method ${pattern.value.kind}`);
  }
  return { method, verb, template: pattern.value.path, body, responseBody };
}
