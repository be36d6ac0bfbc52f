import type { DescService, FileRegistry } from '@bufbuild/protobuf';
import { ContractError } from '../../../contract/contract-error.ts';
import { type HttpRoute, readHttpRoutes } from '../../rules/http-routes.ts';
import { createRouteTable } from '../../rules/route-table.ts';
import { commentOf } from './comments.ts';
import { type OpenApiDocument, type Operation, type PathItem, type Verb, verbs } from './document.ts';
import { openApiPath, parameterNames, pathShape } from './openapi-path.ts';
import { sharedResponses } from './operations/error-responses.ts';
import { headerParameters, responseHeaders } from './operations/headers.ts';
import { operation, type PlacedRoute } from './operations/operation.ts';
import { problemSchema } from './operations/problem.ts';
import { createSchemas } from './schemas/schemas.ts';

const description = `The services of ordermesh as JSON over HTTP, generated from their contracts.

- A failed request is answered with a problem (RFC 9457): \`reason\` is for programs, \`detail\` for people.
- A change has an \`Idempotency-Key\`: a repeated request gets the first answer.
- 64-bit integers are text. A field that a response leaves out is not set.
- HEAD is GET without the body. Other HTTP methods of a path are answered with 405 and \`Allow\`.
- Streams are a JSON array, JSON lines or server-sent events, as \`Accept\` asks.

\`x-access\` says who may call an operation where calls are authenticated: one of the services, roles or the owner.`;

const bearer = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description:
    'A token of the issuer that the server believes (`AUTH_ISSUER`). A server without `AUTH_JWKS` asks for none.',
};

/**
 * Generates the OpenAPI document of all methods with a `google.api.http` option. Throws a `ContractError` for contracts
 * that it cannot describe, and FAILED_PRECONDITION `INVALID_HTTP_RULE` for rules that the edge would refuse.
 */
export function openApiDocument(registry: FileRegistry, version: string): OpenApiDocument {
  const routes = readHttpRoutes(registry);
  // For its check alone: no two routes match the same requests.
  createRouteTable(routes);
  const services = [...new Set(routes.map(({ method }) => method.parent))].sort((one, other) =>
    one.typeName < other.typeName ? -1 : 1,
  );
  const schemas = createSchemas(registry);
  const paths: Record<string, PathItem> = {};
  for (const placed of placeRoutes(routes, services)) {
    const { path, verb } = placed;
    const other = paths[path]?.[verb];
    if (other !== undefined) throw sameOperation(placed, other);
    paths[path] = { ...paths[path], [verb]: operation(placed, registry, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'ordermesh', version, description },
    servers: [{ url: '/' }],
    tags: services.map((service) => ({ name: tagOf(service, services), description: commentOf(service) })),
    paths,
    components: {
      schemas: { ...schemas.all(), Problem: problemSchema },
      responses: sharedResponses(),
      parameters: headerParameters,
      headers: responseHeaders,
      securitySchemes: { bearerAuth: bearer },
    },
  };
}

/** The edge can tell such routes apart, by how many segments they take, but OpenAPI has no path for one of them. */
function sameOperation({ route: { method, verb }, path }: Placed, other: Operation): ContractError {
  const problem = `OpenAPI cannot tell its path ${verb} ${path} from that of ${other['x-grpc-method']}: change one of them`;
  return new ContractError(`${method.parent.typeName}/${method.name}`, problem);
}

type Placed = PlacedRoute & { readonly path: string };

/**
 * Gives each route its path, by service. Paths that differ only in the names of their parameters have those of the shortest.
 */
function placeRoutes(routes: readonly HttpRoute[], services: readonly DescService[]): Placed[] {
  const found = routes.map((route) => ({ route, ...openApiPath(route.template) }));
  const byShape = Map.groupBy(found, ({ path }) => pathShape(path));
  const sorted = services.flatMap((service) => found.filter(({ route }) => route.method.parent === service));
  return sorted.map(({ route, path, variables }) => {
    const alike = byShape.get(pathShape(path)) ?? [];
    const shared = alike.map((other) => other.path).reduce((one, other) => (other.length < one.length ? other : one));
    const index = routes.filter(({ method }) => method === route.method).indexOf(route);
    return {
      route,
      verb: verbOf(route),
      index,
      path: shared,
      variables,
      names: parameterNames(shared),
      tag: tagOf(route.method.parent, services),
      operationId: operationId(route, index, services),
    };
  });
}

function verbOf({ method, verb }: HttpRoute): Verb {
  const known = verbs.find((each) => each === verb.toLowerCase());
  if (known !== undefined) return known;
  throw new ContractError(
    `${method.parent.typeName}.${method.name}`,
    `OpenAPI 3.1 has no operation for the HTTP method ${verb}`,
  );
}

/** The name of a service, with its package if another has the same. */
function tagOf(service: DescService, services: readonly DescService[]): string {
  const isUnique = services.every((other) => other === service || other.name !== service.name);
  return isUnique ? service.name : service.typeName;
}

function operationId({ method }: HttpRoute, index: number, services: readonly DescService[]): string {
  const name = `${tagOf(method.parent, services).replaceAll('.', '_')}_${method.name}`;
  return index === 0 ? name : `${name}_${index + 1}`;
}
