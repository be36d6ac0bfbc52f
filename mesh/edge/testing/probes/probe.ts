import type { JsonValue } from '../../../values/json.ts';

/** A request to the contract `shapes.v1`, and what the edge answers. */
export interface Probe {
  /** Says what the edge does: "keeps %2F in a variable of several segments". */
  readonly name: string;
  readonly verb: string;
  /** Path and query, as they are sent. */
  readonly target: string;
  /** The body, sent as `application/json`. */
  readonly body?: string;
  readonly answer: ProbeAnswer;
}

export type ProbeAnswer =
  /** The method is called. `request` is what it gets, as JSON without default values. */
  | { readonly calls: string; readonly request: JsonValue }
  /** 400 with a violation of each of these fields, in this order. */
  | { readonly refuses: readonly string[] }
  | { readonly notFound: true }
  /** 405 with these methods in `Allow`. */
  | { readonly allows: readonly string[] };

type More = Pick<Probe, 'body'>;

/** A request that calls a method. */
export function calls(
  verb: string,
  target: string,
  name: string,
  method: string,
  request: JsonValue,
  more?: More,
): Probe {
  return { name, verb, target, ...more, answer: { calls: method, request } };
}

/** A GET request that calls a method. */
export function gets(target: string, name: string, method: string, request: JsonValue, more?: More): Probe {
  return calls('GET', target, name, method, request, more);
}

/** A request that is refused with a violation of each of these fields. */
export function refuses(verb: string, target: string, name: string, fields: readonly string[], more?: More): Probe {
  return { name, verb, target, ...more, answer: { refuses: fields } };
}

/** A request whose path is not known. */
export function misses(verb: string, target: string, name: string, more?: More): Probe {
  return { name, verb, target, ...more, answer: { notFound: true } };
}

/** A request whose path is known with other HTTP methods. */
export function allows(verb: string, target: string, name: string, methods: readonly string[], more?: More): Probe {
  return { name, verb, target, ...more, answer: { allows: methods } };
}
