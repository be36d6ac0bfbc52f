import type { Registry } from '@bufbuild/protobuf';
import { declaredPolicy, readPolicy } from '../../plugin/policy.ts';
import { methodComment } from '../comments.ts';
import type { Operation } from '../document.ts';
import type { HttpBinding } from '../http-bindings.ts';
import type { PathVariable } from '../path-template.ts';
import type { Schemas } from '../schemas/schemas.ts';
import { errorResponses } from './error-responses.ts';
import { methodHeaders, requestHeaders } from './headers.ts';
import { pathParameters } from './path-parameters.ts';
import { queryParameters } from './query-parameters.ts';
import { requestBody } from './request-body.ts';
import { successResponses } from './responses.ts';

/** A binding with its place in a document. */
export interface PlacedBinding {
  readonly binding: HttpBinding;
  /** Its place among the bindings of its method. */
  readonly index: number;
  readonly tag: string;
  readonly operationId: string;
  readonly variables: readonly PathVariable[];
  /** The names of the parameters in its path, in order. */
  readonly names: readonly string[];
}

/** Returns the operation of a binding. */
export function operation(placed: PlacedBinding, registry: Registry, schemas: Schemas): Operation {
  const { binding, index, tag, operationId, variables, names } = placed;
  const { method, verb, body } = binding;
  const { summary, description, errors } = methodComment(method);
  const headers = methodHeaders(binding, readPolicy(method, registry));
  const inPath = variables.flatMap(({ field }) => field ?? []);
  const inHeaders = [
    ...(headers.hasRequestId ? ['request_id'] : []),
    ...(headers.requestEtag === undefined ? [] : [headers.requestEtag]),
  ];
  const scope = { message: method.input, elsewhere: new Set([...inPath, ...inHeaders, body]) };
  const content = requestBody(binding, inPath, index, schemas);
  const { requiredScope } = declaredPolicy(method, registry);
  const hasEtag = headers.requestEtag !== undefined;
  return {
    tags: [tag],
    summary,
    description,
    operationId,
    parameters: [
      ...pathParameters(variables, names, method.input, schemas),
      ...(body === '*' ? [] : queryParameters(scope, schemas)),
      ...requestHeaders(headers, verb),
    ],
    ...(content && { requestBody: content }),
    responses: {
      ...successResponses(binding, headers, schemas),
      ...errorResponses(
        errors,
        { hasBody: content !== undefined, hasRequestId: headers.hasRequestId, hasEtag },
        `${method.parent.typeName}.${method.name}`,
      ),
    },
    'x-grpc-method': `${method.parent.typeName}/${method.name}`,
    ...(requiredScope !== '' && { 'x-required-scope': requiredScope }),
  };
}
