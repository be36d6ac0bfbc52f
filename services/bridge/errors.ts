import { type FieldViolation, invalidRequest, type MeshError } from '#mesh';

/** The violation of a reserved header name. */
export function reservedHeader(name: string): FieldViolation {
  return {
    field: `headers[${JSON.stringify(name)}]`,
    description: 'must not be set: content-type, and names that start with ce_, are set by the server',
  };
}

/** The violation of headers that are too large. */
export function headersTooLarge(bytes: number, maxBytes: number): FieldViolation {
  return { field: 'headers', description: `must have at most ${maxBytes} bytes in all, but have ${bytes}` };
}

/** The violation of a value that is not valid JSON. */
export function notJson(): FieldViolation {
  return { field: 'json', description: 'must be JSON text' };
}

/** INVALID_ARGUMENT: lists each field with an invalid start offset. */
export function impossibleOffsets(fields: readonly string[], count: number): MeshError {
  return invalidRequest(
    fields.map((field) => ({
      field,
      description: `must be an offset from 0 of one of the ${count} partitions, which count from 0`,
    })),
  );
}

/** INVALID_ARGUMENT: a position has two offsets for a partition. */
export function repeatedPartition(): MeshError {
  return invalidRequest([{ field: 'position', description: 'must have each partition once' }]);
}
