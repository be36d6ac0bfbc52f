import type { Registry } from '@bufbuild/protobuf';
import type { HttpRoute } from '../../../rules/http-routes.ts';
import { methodComment } from '../comments.ts';
import type { Operation, Verb } from '../document.ts';
import type { PathParameter } from '../openapi-path.ts';
import type { Schemas } from '../schemas/schemas.ts';
import { documentedAccess } from './access.ts';
import { errorResponses } from './error-responses.ts';
import { headersOf, requestHeaders } from './headers.ts';
import { pathParameters } from './path-parameters.ts';
import { queryParameters } from './query-parameters.ts';
import { requestBody } from './request-body.ts';
import { successResponses } from './responses.ts';

/** A route with its place in a document. */
export interface PlacedRoute {
  readonly route: HttpRoute;
  readonly verb: Verb;
  /** Its place among the routes of its method. */
  readonly index: number;
  readonly tag: string;
  readonly operationId: string;
  readonly variables: readonly PathParameter[];
  /** The names of the parameters in its path, in order. */
  readonly names: readonly string[];
}

/** Returns the operation of a route. */
export function operation(placed: PlacedRoute, registry: Registry, schemas: Schemas): Operation {
  const { route, index, tag, operationId, variables, names } = placed;
  const { method, body } = route;
  const { summary, description, errors } = methodComment(method);
  const headers = headersOf(route, registry);
  const content = requestBody(route, index, headers.fields, schemas);
  const access = documentedAccess(method, registry);
  const isForAnyone = access?.anyone === true;
  const where = `${method.parent.typeName}.${method.name}`;
  return {
    tags: [tag],
    summary,
    description,
    operationId,
    parameters: [
      ...pathParameters(variables, names, method.input, schemas),
      ...(body === '*' ? [] : queryParameters(method.input, elsewhere(route, headers.fields), schemas)),
      ...requestHeaders(headers),
    ],
    ...(content && { requestBody: content }),
    responses: {
      ...successResponses(route, headers, schemas),
      ...errorResponses(errors, { hasBody: content !== undefined, isForAnyone, ...headers }, where),
    },
    'x-grpc-method': `${method.parent.typeName}/${method.name}`,
    security: isForAnyone ? [] : [{ bearerAuth: [] }],
    ...(access && { 'x-access': access }),
  };
}

/** The fields that are in the path, in the body or in headers. */
function elsewhere({ template, body }: HttpRoute, inHeaders: readonly string[]): ReadonlySet<string> {
  const inPath = template.variables.map(({ fieldPath }) => fieldPath);
  return new Set([...inPath, ...inHeaders, ...(typeof body === 'object' ? [body.name] : [])]);
}
