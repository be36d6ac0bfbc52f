import { invalidHttpRule } from './errors.ts';
import type { HttpRoute } from './http-routes.ts';

/** A variable of a template and what a path has in its place. */
export interface PathVariable {
  /** The field that it binds, in the names of the contract: `user.id`. */
  readonly fieldPath: string;
  /** As in the path, escapes included: the request reader decodes it. */
  readonly raw: string;
}

/** What a table knows about a request. `allow` has the methods that the path has, sorted. */
export type RouteMatch =
  | {
      readonly kind: 'found';
      readonly route: HttpRoute;
      /** In the order of the template. */
      readonly variables: readonly PathVariable[];
    }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[] };

/** Finds the route of a request. */
export interface RouteTable {
  /**
   * Finds the route for an HTTP method and a path as it was sent, without its query. A literal segment is preferred over
   * `*`, and `*` over `**`. HEAD finds the GET route. A path with an empty segment (also from a slash at its end), `.` or
   * `..` is not found. Literals match as they are written, without decoding.
   *
   * After the last colon of a path comes its verb, if a template with that verb matches: `/orders/a:cancel` is never
   * the order `a:cancel`, whatever the method. Such an id is sent as `a%3Acancel`.
   */
  match(verb: string, rawPath: string): RouteMatch;
}

/** A place in the tree of templates. */
interface Node {
  readonly literals: Map<string, Node>;
  single: Node | undefined;
  /** What ends here with `**`. */
  rest: Leaf | undefined;
  readonly leaf: Leaf;
}

/** Routes by custom verb (`''` is none), then by HTTP method. */
type Leaf = Map<string, Map<string, HttpRoute>>;

const notFound: RouteMatch = { kind: 'not-found' };

/**
 * Builds the table. Throws FAILED_PRECONDITION `INVALID_HTTP_RULE` that names both methods if two routes match the same
 * requests.
 */
export function createRouteTable(routes: readonly HttpRoute[]): RouteTable {
  const root = emptyNode();
  for (const route of routes) addRoute(root, route);
  return { match: (verb, rawPath) => findRoute(root, verb, rawPath) };
}

function emptyNode(): Node {
  return { literals: new Map(), single: undefined, rest: undefined, leaf: new Map() };
}

function addRoute(root: Node, route: HttpRoute): void {
  const leaf = leafOf(root, route);
  const customVerb = route.template.verb ?? '';
  const byMethod = leaf.get(customVerb) ?? new Map<string, HttpRoute>();
  const other = byMethod.get(route.verb);
  if (other !== undefined) throw sameRequests(route, other);
  leaf.set(customVerb, byMethod.set(route.verb, route));
}

function leafOf(root: Node, { template }: HttpRoute): Leaf {
  let node = root;
  for (const segment of template.segments) {
    if (segment.kind === 'rest') {
      node.rest ??= new Map();
      return node.rest;
    }
    node = segment.kind === 'single' ? singleOf(node) : literalOf(node, segment.text);
  }
  return node.leaf;
}

function singleOf(node: Node): Node {
  node.single ??= emptyNode();
  return node.single;
}

function literalOf(node: Node, text: string): Node {
  const child = node.literals.get(text) ?? emptyNode();
  node.literals.set(text, child);
  return child;
}

function findRoute(root: Node, verb: string, rawPath: string): RouteMatch {
  if (!rawPath.startsWith('/')) return notFound;
  const segments = rawPath.slice(1).split('/');
  if (!segments.every(isOrdinary)) return notFound;
  const last = segments.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  if (colon >= 0 && colon < last.length - 1) {
    const head = last.slice(0, colon);
    const match = search(root, verb, [...segments.slice(0, -1), head], last.slice(colon + 1));
    if (match.kind !== 'not-found') return isOrdinary(head) ? match : notFound;
  }
  return search(root, verb, segments, '');
}

/** Whether a segment is neither empty nor `.` or `..`, escaped or not. */
function isOrdinary(segment: string): boolean {
  if (segment.length === 0) return false;
  const first = segment.charCodeAt(0);
  if (first !== 0x2e && first !== 0x25) return true;
  return !/^(?:\.|%2e){1,2}$/i.test(segment);
}

function search(root: Node, verb: string, segments: readonly string[], customVerb: string): RouteMatch {
  const allow = new Set<string>();
  const route = searchNode(root, 0, segments, (leaf) => {
    const byMethod = leaf.get(customVerb);
    const found = byMethod?.get(verb) ?? (verb === 'HEAD' ? byMethod?.get('GET') : undefined);
    if (found === undefined) for (const method of byMethod?.keys() ?? []) allow.add(method);
    return found;
  });
  if (route !== undefined) return { kind: 'found', route, variables: readVariables(route, segments) };
  if (allow.size === 0) return notFound;
  if (allow.has('GET')) allow.add('HEAD');
  return { kind: 'wrong-method', allow: [...allow].sort() };
}

/** Returns the route of the first place, the most literal one first, for which `pick` finds one. */
function searchNode(
  node: Node,
  at: number,
  segments: readonly string[],
  pick: (leaf: Leaf) => HttpRoute | undefined,
): HttpRoute | undefined {
  const segment = segments[at];
  if (segment === undefined) return pick(node.leaf) ?? (node.rest && pick(node.rest));
  const literal = node.literals.get(segment);
  return (
    (literal && searchNode(literal, at + 1, segments, pick)) ??
    (node.single && searchNode(node.single, at + 1, segments, pick)) ??
    (node.rest && pick(node.rest))
  );
}

function readVariables({ template }: HttpRoute, segments: readonly string[]): PathVariable[] {
  return template.variables.map(({ fieldPath, start, end }) => {
    const isRest = template.segments[end - 1]?.kind === 'rest';
    return { fieldPath, raw: segments.slice(start, isRest ? undefined : end).join('/') };
  });
}

function sameRequests(route: HttpRoute, other: HttpRoute): Error {
  const name = ({ method }: HttpRoute) => `${method.parent.typeName}.${method.name}`;
  const problem = `${route.verb} ${route.template.source} matches the same requests as ${other.verb} ${other.template.source} of ${name(other)}`;
  return invalidHttpRule({ method: name(route), problem });
}
