import type { Schema } from '../document.ts';

const exampleReason = 'USER_NOT_FOUND';
const requestId = '0f8fad5bd9cb469fa16570867728950e';

/** The answer to a request that failed: RFC 9457, with what gRPC callers get as details. */
export const problemSchema: Schema = {
  title: 'Problem',
  description:
    'Why a request failed (RFC 9457). `reason` is for programs: it is stable, and docs/errors.md lists each.',
  type: 'object',
  properties: {
    type: {
      description: 'A URI for the reason. With status 429 one of draft-ietf-httpapi-ratelimit-headers.',
      type: 'string',
      format: 'uri',
      examples: [`urn:ordermesh:error:${exampleReason}`],
    },
    'violated-policies': {
      description: 'With status 429: the policies of `RateLimit-Policy` that the caller exceeds.',
      type: 'array',
      items: { type: 'string' },
      examples: [['concurrency']],
    },
    title: { description: 'The reason in words.', type: 'string', examples: ['User not found'] },
    status: { description: 'The HTTP status.', type: 'integer', minimum: 400, maximum: 599, examples: [404] },
    detail: {
      description: 'What happened, to what, and what to do. For people: it may change.',
      type: 'string',
      examples: ['user "user-1" not found: check the id or create the user'],
    },
    code: { description: 'The name of the gRPC status code.', type: 'string', examples: ['NOT_FOUND'] },
    reason: {
      description: 'What went wrong, for programs.',
      type: 'string',
      pattern: '^[A-Z][A-Z0-9_]*$',
      examples: [exampleReason],
    },
    metadata: {
      description: 'Facts about the error.',
      type: 'object',
      additionalProperties: { type: 'string' },
      examples: [{ id: 'user-1' }],
    },
    violations: {
      description: 'Each field that breaks a rule of the contract.',
      type: 'array',
      items: {
        title: 'Violation',
        type: 'object',
        properties: {
          field: { description: 'The field, in the names of the contract: `user.email`.', type: 'string' },
          description: { description: 'What the field must be.', type: 'string' },
        },
        required: ['field', 'description'],
      },
    },
    request_id: { description: 'The `x-request-id` of the answer.', type: 'string', examples: [requestId] },
    retry_after_ms: {
      description: 'How long to wait before the next attempt, in milliseconds.',
      type: 'integer',
      minimum: 0,
      examples: [1000],
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'reason', 'request_id'],
  examples: [
    {
      type: `urn:ordermesh:error:${exampleReason}`,
      title: 'User not found',
      status: 404,
      detail: 'user "user-1" not found: check the id or create the user',
      code: 'NOT_FOUND',
      reason: exampleReason,
      metadata: { id: 'user-1' },
      request_id: requestId,
    },
  ],
};
