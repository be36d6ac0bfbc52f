import type { DescService, Registry } from '@bufbuild/protobuf';
import { commentOf } from './comments.ts';
import type { OpenApiDocument, PathItem } from './document.ts';
import { type HttpBinding, httpBindings } from './http-bindings.ts';
import { sharedResponses } from './operations/error-responses.ts';
import { headerParameters, responseHeaders } from './operations/headers.ts';
import { operation, type PlacedBinding } from './operations/operation.ts';
import { problemSchema } from './operations/problem.ts';
import { openApiPath, parameterNames, pathShape } from './path-template.ts';
import { createSchemas } from './schemas/schemas.ts';

const description = `The services of ordermesh as JSON over HTTP, generated from their contracts.

- A failed request is answered with a problem (RFC 9457): \`reason\` is for programs, \`detail\` for people.
- A change has an \`Idempotency-Key\`: a repeated request gets the first answer.
- 64-bit integers are text. A field that a response leaves out is not set.
- Streams are a JSON array, JSON lines or server-sent events, as \`Accept\` asks.

Authentication is not enforced yet. \`x-required-scope\` is the scope that the token of a caller will need.`;

/**
 * Generates the OpenAPI document of all methods with a \`google.api.http\` option. Throws a \`GenerationError\` for contracts
 * that it cannot describe.
 */
export function openApiDocument(registry: Registry, version: string): OpenApiDocument {
  const services = [...registry]
    .filter((type): type is DescService => type.kind === 'service')
    .filter(({ methods }) => methods.some((method) => httpBindings(method, registry).length > 0))
    .sort((one, other) => (one.typeName < other.typeName ? -1 : 1));
  const schemas = createSchemas(registry);
  const paths: Record<string, PathItem> = {};
  for (const placed of placeBindings(services, registry)) {
    const { path, binding } = placed;
    paths[path] = { ...paths[path], [binding.verb]: operation(placed, registry, schemas) };
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
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'Not enforced yet.' } },
    },
  };
}

type Placed = PlacedBinding & { readonly path: string };

/** Gives each binding its path. Paths that differ only in the names of their parameters have those of the shortest. */
function placeBindings(services: readonly DescService[], registry: Registry): Placed[] {
  const bindings = services.flatMap((service) =>
    service.methods.flatMap((method) =>
      httpBindings(method, registry).map((binding, index) => ({ binding, index, ...openApiPath(binding.template) })),
    ),
  );
  const byShape = Map.groupBy(bindings, ({ path }) => pathShape(path));
  return bindings.map(({ binding, index, path, variables }) => {
    const alike = byShape.get(pathShape(path)) ?? [];
    const shared = alike.map((other) => other.path).reduce((one, other) => (other.length < one.length ? other : one));
    return {
      binding,
      index,
      path: shared,
      variables,
      names: parameterNames(shared),
      tag: tagOf(binding.method.parent, services),
      operationId: operationId(binding, index, services),
    };
  });
}

/** The name of a service, with its package if another has the same. */
function tagOf(service: DescService, services: readonly DescService[]): string {
  const isUnique = services.every((other) => other === service || other.name !== service.name);
  return isUnique ? service.name : service.typeName;
}

function operationId({ method }: HttpBinding, index: number, services: readonly DescService[]): string {
  const name = `${tagOf(method.parent, services).replaceAll('.', '_')}_${method.name}`;
  return index === 0 ? name : `${name}_${index + 1}`;
}
